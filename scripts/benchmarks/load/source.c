/* The least server there could be, to learn what the load generator can take: it decides nothing, keeps nothing,
 * and answers each `task_moved` with a frame to everybody and an acknowledgement.
 *
 *     source [FRAMES]     FRAMES: how many moves each client is told of at once, in one write (1)
 *
 * It says where it listens, and ends with its standard input.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 8192, LONGEST = 4096, FRAME = 512, FRAMES = 256, PATIENCE_MS = 20 };

struct peer {
    bool open;
    char in[LONGEST];
    size_t length;
    long owed;          /* acknowledgement that waits until enough moves came together, 0 for none */
};

static struct peer peers[MOST];
static int poller, together = 1, waiting;
static long position;
static char batch[FRAMES * FRAME];
static size_t batch_length;

static size_t framed(char *into, const char *text)
{
    size_t length = strlen(text), at = 0;
    into[at++] = (char)0x81;
    if (length < 126) {
        into[at++] = (char)length;
    } else {
        into[at++] = 126;
        into[at++] = (char)(length >> 8);
        into[at++] = (char)(length & 0xff);
    }
    memcpy(into + at, text, length);
    return at + length;
}

static void give(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t done = send(fd, data, length, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN)
            return;
        data += done < 0 ? 0 : done;
        length -= done < 0 ? 0 : (size_t)done;
    }
}

static void tell(int fd, const char *text)
{
    char frame[FRAME];
    give(fd, frame, framed(frame, text));
}

static void add_to_batch(void)
{
    char text[FRAME - 8];
    snprintf(text, sizeof text,
             "42[\"task_updated\",{\"projectId\":\"00000000-0000-0000-0000-000000000000\",\"position\":%ld,\"type\":"
             "\"TaskMoved\",\"taskId\":\"00000000-0000-0000-0000-000000000000\",\"newStatus\":\"done\",\"at\":"
             "\"2026-01-01T00:00:00.000Z\",\"actor\":\"00000000-0000-0000-0000-000000000000\"}]", ++position);
    batch_length += framed(batch + batch_length, text);
}

static void tell_everybody(void)
{
    char text[64];
    for (int fd = 0; fd < MOST; fd++) {
        if (!peers[fd].open)
            continue;
        give(fd, batch, batch_length);
        if (peers[fd].owed) {
            snprintf(text, sizeof text, "43%ld[{\"ok\":true,\"position\":%ld}]", peers[fd].owed, position);
            peers[fd].owed = 0;
            tell(fd, text);
        }
    }
    batch_length = 0;
    waiting = 0;
}

static void moved(struct peer *mover, long ack)
{
    mover->owed = ack;
    add_to_batch();
    if (++waiting >= together)
        tell_everybody();
}

static void packet(int fd, const char *text)
{
    char answer[64];
    if (!strncmp(text, "40", 2)) {
        tell(fd, "40{\"sid\":\"x\"}");
        tell(fd, "42[\"welcome\",{}]");
    } else if (!strncmp(text, "420[\"join_project\"", 18)) {
        snprintf(answer, sizeof answer, "430[{\"ok\":true,\"position\":%ld}]", position);
        tell(fd, answer);
        tell(fd, "42[\"project_joined\",{}]");
    } else if (strstr(text, "[\"task_moved\"")) {
        moved(&peers[fd], atol(text + 2));
    }
}

/* The length of the whole frame at the start, 0 while it is not all there; its payload is unmasked in place. */
static size_t frame_at(char *data, size_t length, char **payload, size_t *size)
{
    size_t at = 2;
    if (length < 8)
        return 0;
    *size = data[1] & 0x7f;
    if (*size == 126) {
        *size = (size_t)(unsigned char)data[2] << 8 | (unsigned char)data[3];
        at = 4;
    }
    if (length < at + 4 + *size)
        return 0;
    *payload = data + at + 4;
    for (size_t each = 0; each < *size; each++)
        (*payload)[each] ^= data[at + (each & 3)];
    return at + 4 + *size;
}

static void take(int fd, struct peer *peer)
{
    char *payload, text[LONGEST];
    size_t size, used;
    if (!peer->open) {
        if (!memmem(peer->in, peer->length, "\r\n\r\n", 4))
            return;
        static const char accepted[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
        give(fd, accepted, sizeof accepted - 1);
        tell(fd, "0{}");
        peer->open = true;
        peer->length = 0;
    }
    while ((used = frame_at(peer->in, peer->length, &payload, &size))) {
        memcpy(text, payload, size);
        text[size] = 0;
        peer->length -= used;
        memmove(peer->in, peer->in + used, peer->length);
        packet(fd, text);
    }
}

static void ready(int fd)
{
    struct peer *peer = &peers[fd];
    ssize_t got = recv(fd, peer->in + peer->length, LONGEST - peer->length - 1, MSG_DONTWAIT);
    if (got <= 0 && !(got < 0 && errno == EAGAIN)) {
        memset(peer, 0, sizeof *peer);
        close(fd);
    } else if (got > 0) {
        peer->length += (size_t)got;
        take(fd, peer);
    }
}

static void welcome(int listener)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 || fd >= MOST)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd});
}

int main(int count, char **words)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    together = count > 1 ? atoi(words[1]) : 1;
    if (together < 1 || together > FRAMES)
        return 2;
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (bind(listener, (struct sockaddr *)&here, size) || listen(listener, 1024))
        return 1;
    getsockname(listener, (struct sockaddr *)&here, &size);
    printf("ready on http://127.0.0.1:%d\n", ntohs(here.sin_port));
    fflush(stdout);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.fd = listener});
    epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){.events = EPOLLIN, .data.fd = STDIN_FILENO});
    for (struct epoll_event event;;) {
        int got = epoll_wait(poller, &event, 1, waiting ? PATIENCE_MS : -1);
        if (got < 0 && errno != EINTR)
            return 1;
        if (got > 0 && event.data.fd == STDIN_FILENO)
            return 0;
        if (got > 0 && event.data.fd == listener)
            welcome(listener);
        else if (got > 0)
            ready(event.data.fd);
        else if (waiting)
            tell_everybody(); /* no more come: these are the last */
    }
}
