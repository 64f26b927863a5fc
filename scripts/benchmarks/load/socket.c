/* Websocket clients on one epoll: the upgrade, framing with a random mask for each frame, control frames.
 *
 * Of a message only its first bytes are kept. What a long message has beyond them is dropped by the kernel
 * (MSG_TRUNC), so that a snapshot of megabytes costs the generator next to nothing.
 */

#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 18, DROP_FROM = 1 << 14, EVENTS = 1024, TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

uint64_t bytes_read;
static int poller;
static char buffer[BUFFER];
static uint64_t seed;

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void fail(const char *format, ...)
{
    char why[512];
    va_list values;
    va_start(values, format);
    vsnprintf(why, sizeof why, format, values);
    va_end(values);
    for (char *at = why; *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            *at = '\'';
    printf("{\"phase\":\"failed\",\"why\":\"%s\"}\n", why);
    fflush(stdout);
    exit(1);
}

void sockets_open(void)
{
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0)
        fail("epoll: %s", strerror(errno));
    seed = now_ns() | 1;
}

static uint32_t random_mask(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 16);
}

static void listen_for(int operation, int fd, void *tag, uint32_t events)
{
    struct epoll_event wanted = {.events = events, .data.ptr = tag};
    if (epoll_ctl(poller, operation, fd, &wanted) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

void watch(int fd, void *tag)
{
    listen_for(EPOLL_CTL_ADD, fd, tag, EPOLLIN);
}

int await_events(int timeout_ms, void (*handle)(void *tag, uint32_t events))
{
    static struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, timeout_ms);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int each = 0; each < count; each++)
        handle(events[each].data.ptr, events[each].events);
    return count;
}

void socket_connect(struct client *client, const char *source, int port)
{
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    inet_pton(AF_INET, source, &from.sin_addr);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (client->fd < 0)
        fail("socket: %s", strerror(errno));
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(client->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(client->fd, (struct sockaddr *)&from, sizeof from) < 0)
        fail("bind: %s", strerror(errno));
    if (connect(client->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect: %s", strerror(errno));
    client->state = CONNECTING;
    listen_for(EPOLL_CTL_ADD, client->fd, client, EPOLLOUT);
}

/* Send now what can be sent; the rest waits until the socket takes more. */
static void put(struct client *client, const char *data, size_t length)
{
    ssize_t done = 0;
    if (!client->out_length) {
        done = send(client->fd, data, length, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN)
            fail("send: %s", strerror(errno));
        done = done < 0 ? 0 : done;
    }
    if ((size_t)done == length)
        return;
    client->out = realloc(client->out, client->out_length + length - (size_t)done);
    memcpy(client->out + client->out_length, data + done, length - (size_t)done);
    client->out_length += length - (size_t)done;
    listen_for(EPOLL_CTL_MOD, client->fd, client, EPOLLIN | EPOLLOUT);
}

static void flush(struct client *client)
{
    ssize_t done = send(client->fd, client->out, client->out_length, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN)
        fail("send: %s", strerror(errno));
    if (done > 0) {
        client->out_length -= (size_t)done;
        memmove(client->out, client->out + done, client->out_length);
    }
    if (!client->out_length)
        listen_for(EPOLL_CTL_MOD, client->fd, client, EPOLLIN);
}

static void send_frame(struct client *client, unsigned opcode, const char *payload, size_t length)
{
    char frame[HEADER + 4096];
    size_t at = 0;
    uint32_t mask = random_mask();
    if (length > sizeof frame - HEADER)
        fail("a message of %zu bytes is too long to send", length);
    frame[at++] = (char)(0x80 | opcode);
    if (length < 126) {
        frame[at++] = (char)(0x80 | length);
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)(length & 0xff);
    }
    memcpy(frame + at, &mask, 4);
    const char *key = frame + at;
    at += 4;
    for (size_t each = 0; each < length; each++)
        frame[at + each] = payload[each] ^ key[each & 3];
    put(client, frame, at + length);
}

void socket_send(struct client *client, const char *text, size_t length)
{
    send_frame(client, TEXT, text, length);
}

static void ask_upgrade(struct client *client)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error)
        fail("connect: %s", strerror(error));
    static const char request[] =
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bG9hZCBnZW5lcmF0b3IhIQ==\r\n\r\n";
    listen_for(EPOLL_CTL_MOD, client->fd, client, EPOLLIN);
    client->state = UPGRADING;
    put(client, request, sizeof request - 1);
}

/* The bytes of the answer's head among these; what follows are frames. */
static size_t take_answer(struct client *client, const char *data, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        if (client->prefix_length == PREFIX)
            fail("the upgrade was answered at too great a length");
        client->prefix[client->prefix_length++] = data[at];
        if (client->prefix_length >= 4 && !memcmp(client->prefix + client->prefix_length - 4, "\r\n\r\n", 4)) {
            client->prefix[client->prefix_length] = 0;
            if (strncmp(client->prefix, "HTTP/1.1 101", 12))
                fail("the upgrade was refused: %.60s", client->prefix);
            client->state = OPENING;
            client->prefix_length = 0;
            return at + 1;
        }
    }
    return length;
}

static unsigned header_size(const struct client *client)
{
    unsigned size = client->header_length < 2 ? 0 : client->header[1] & 0x7f;
    return size == 127 ? 10 : size == 126 ? 4 : 2;
}

static void begin_frame(struct client *client)
{
    unsigned short_size = client->header[1] & 0x7f, bytes = header_size(client) - 2;
    client->left = bytes ? 0 : short_size;
    for (unsigned each = 0; each < bytes; each++)
        client->left = client->left << 8 | client->header[2 + each];
    client->final = client->header[0] & 0x80;
    client->opcode = client->header[0] & 0x0f;
    client->in_payload = true;
    client->header_length = 0;
    if (client->header[0] & 0x70 || client->header[1] & 0x80)
        fail("a frame is compressed or masked");
    if (client->opcode == TEXT)
        client->prefix_length = 0;
    client->control_length = 0;
}

static void end_frame(struct client *client)
{
    client->in_payload = false;
    if (client->opcode == CLOSE)
        fail("a socket was closed by the server");
    if (client->opcode == PING)
        send_frame(client, PONG, client->control, client->control_length);
    if (client->opcode <= TEXT && client->final) {
        client->prefix[client->prefix_length] = 0;
        heard(client, client->prefix);
    }
}

static void keep(struct client *client, const char *data, size_t length)
{
    bool control = client->opcode >= CLOSE;
    unsigned *kept = control ? &client->control_length : &client->prefix_length;
    size_t space = (control ? CONTROL : PREFIX) - *kept;
    size_t more = length < space ? length : space;
    memcpy((control ? client->control : client->prefix) + *kept, data, more);
    *kept += (unsigned)more;
}

static void take_frames(struct client *client, const char *data, size_t length)
{
    while (length) {
        if (!client->in_payload) {
            client->header[client->header_length++] = (unsigned char)*data++;
            length--;
            if (client->header_length < 2 || client->header_length < header_size(client))
                continue;
            begin_frame(client);
        }
        size_t here = client->left < length ? (size_t)client->left : length;
        keep(client, data, here);
        data += here;
        length -= here;
        client->left -= here;
        if (!client->left)
            end_frame(client);
    }
}

static void read_some(struct client *client)
{
    bool drop = client->in_payload && client->prefix_length == PREFIX && client->left >= DROP_FROM;
    size_t most = drop ? (client->left > (1u << 30) ? 1u << 30 : (size_t)client->left) : BUFFER;
    ssize_t got = recv(client->fd, buffer, most, drop ? MSG_TRUNC : 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("a socket was closed: %s", got ? strerror(errno) : "end of stream");
    bytes_read += (uint64_t)got;
    if (drop) {
        client->left -= (uint64_t)got;
        if (!client->left)
            end_frame(client);
        return;
    }
    size_t head = client->state == UPGRADING ? take_answer(client, buffer, (size_t)got) : 0;
    take_frames(client, buffer + head, (size_t)got - head);
}

void socket_ready(struct client *client, uint32_t events)
{
    if (client->state == CONNECTING) {
        ask_upgrade(client);
        return;
    }
    if (events & EPOLLOUT)
        flush(client);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_some(client);
}
