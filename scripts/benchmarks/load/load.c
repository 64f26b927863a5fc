/* The load: clients that enter, join, move tasks or come and go, and what they are answered, counted and timed.
 *
 * Standard input gives the instructions, a line each, fields apart by a space:
 *     set NAME VALUE                          see `instruct`
 *     client TOKEN PROJECT SENDS TURN TASK…   one socket; PROJECT and TASKs may be `-`
 *     run                                     connect, and join if told to
 *     go                                      begin, once `ready` was printed
 * With `windows` set, the window is so many of equal length, and deliveries are timed as acknowledgements are: from when
 * the move was due, at each client that hears of it.
 * Standard output gives one JSON object a line, with its `phase`: connecting, ready, begin, end, result; or failed.
 * Anything a client should never see ends the run as failed. What only counting shows is in the result.
 */

#define _GNU_SOURCE
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { SOURCE = 64, FIRST = 1 << 10, WINDOWS_AT_MOST = 64 };
enum mode { MOVES, JOINS, REJOIN, IDLE };
enum phase { SETUP, READY, WARM, WINDOW, DRAIN };

static struct {
    enum mode mode;
    int port, join, positions, connecting, outstanding, windows;
    long position;
    double seconds, warm, drain, patience, rate;
    char source[SOURCE];
} told = {MOVES, 0, 1, 0, 50, 1, 0, -1, 5, 1, 30, 120, 0, "127.0.0.1"};

static struct client *clients;
static struct room *rooms;
static int client_count, room_count, begun, there, joined;
static enum phase phase;
static uint64_t phase_ends, connect_began, connect_ended, window_began, window_ended, first_due;
static double cpu_began, cpu_ended;
static long due, pending, ring_size = 1;
static int ticker = -1;
static struct {
    long acks, refused, deliveries, lost, doubled, swapped, strays, joins, acked;
    uint64_t bytes;
    char refusal[128];
} counted;
static struct times {
    uint32_t *us;
    size_t count, room;
} taken, acked_in[WINDOWS_AT_MOST], heard_in[WINDOWS_AT_MOST];

static double cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
           1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static void say(const char *which)
{
    printf("{\"phase\":\"%s\"}\n", which);
    fflush(stdout);
}

static void *grown(void *memory, size_t count, size_t size)
{
    if (count & (count - 1) && count)
        return memory;
    memory = realloc(memory, (count ? 2 * count : 1) * size);
    if (!memory)
        fail("out of memory");
    return memory;
}

static void keep(struct times *times, uint64_t since)
{
    if (times->count == times->room) {
        times->room = times->room ? 2 * times->room : FIRST;
        times->us = realloc(times->us, times->room * sizeof *times->us);
        if (!times->us)
            fail("out of memory");
    }
    times->us[times->count++] = (uint32_t)((now_ns() - since) / 1000);
}

static void took(uint64_t since)
{
    keep(&taken, since);
}

static void took_in(struct times *windows, uint64_t due_at)
{
    double at = due_at < window_began ? 0 : 1e-9 * (double)(due_at - window_began);
    int which = (int)(at * told.windows / told.seconds);
    keep(&windows[which < told.windows ? which : told.windows - 1], due_at);
}

/* ---- what clients send */

static void ask(struct client *client, const char *event, const char *more)
{
    char text[512];
    int length = snprintf(text, sizeof text, "42%u[\"%s\",{\"projectId\":\"%s\"%s}]", client->last_id, event,
                          client->room->id, more);
    socket_send(client, text, (size_t)length);
}

static void join(struct client *client)
{
    char more[64] = "";
    if (told.position >= 0)
        snprintf(more, sizeof more, ",\"position\":%ld", told.position);
    client->join_answered = client->join_arrived = false;
    client->asked_at = now_ns();
    client->last_id = 0;
    ask(client, "join_project", more);
}

/* Every task goes round the columns, so each move changes something. */
static void move(struct client *client, uint64_t at)
{
    static const char *const columns[] = {"in-progress", "done", "todo"};
    long turn = client->turn++;
    char text[512];
    struct sent *sent = &client->ring[++client->last_id & (uint32_t)(ring_size - 1)];
    if (sent->at)
        fail("more moves of one client are unanswered than expected");
    *sent = (struct sent){at, phase == WINDOW};
    if (told.windows)
        client->due[client->last_id & (uint32_t)(ring_size - 1)] = *sent;
    client->outstanding++;
    pending++;
    const char *task = client->tasks[turn % client->task_count], *column = columns[turn / client->task_count % 3];
    int length = snprintf(text, sizeof text,
                          "42%u[\"task_moved\",{\"taskId\":\"%s\",\"projectId\":\"%s\",\"status\":\"%s\"}]",
                          client->last_id, task, client->room->id, column);
    socket_send(client, text, (size_t)length);
}

static void send_due(void)
{
    static int next;
    uint64_t now = now_ns(), at;
    while ((at = first_due + (uint64_t)(1e9 * (double)due / told.rate)) <= now) {
        while (!clients[next].sends)
            next = (next + 1) % client_count;
        move(&clients[next], at);
        next = (next + 1) % client_count;
        due++;
    }
}

/* ---- what clients hear */

static long number_after(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? strtol(found + strlen(name), NULL, 10) : -1;
}

static void follow(struct client *client, const char *text)
{
    long position = number_after(text, "\"position\":");
    if (!told.positions || client->state != JOINED)
        return;
    if (position == client->position + 1)
        client->position = position;
    else if (position > client->position) {
        counted.lost += position - client->position - 1;
        client->position = position;
    } else if (position == client->position)
        counted.doubled++;
    else
        counted.swapped++;
}

static struct client *owner_of(const char *task)
{
    for (int each = 0; task && each < client_count; each++)
        for (int own = 0; own < clients[each].task_count; own++)
            if (!strncmp(clients[each].tasks[own], task, strlen(clients[each].tasks[own])))
                return &clients[each];
    return NULL;
}

/* A client's moves become events in the order they were sent: who hears of one first says when it was due. */
static void time_delivery(struct client *client, const char *text)
{
    struct room *room = client->room;
    long position = number_after(text, "\"position\":");
    const char *task = strstr(text, "\"taskId\":\"");
    struct sent *due_at = &room->due[position & (HEARD - 1)];
    if (position > room->heard) {
        struct client *owner = owner_of(task ? task + strlen("\"taskId\":\"") : NULL);
        room->heard = position;
        *due_at = owner ? owner->due[++owner->heard_id & (uint32_t)(ring_size - 1)] : (struct sent){0, false};
    }
    if (due_at->counts)
        took_in(heard_in, due_at->at);
}

static void is_in(struct client *client)
{
    if (!client->join_answered || !client->join_arrived)
        return;
    client->state = JOINED;
    joined++;
    if (phase == SETUP)
        return;
    took(client->asked_at);
    if (told.mode == JOINS && (phase == WARM || phase == WINDOW)) {
        counted.joins += phase == WINDOW;
        client->state = PRESENT;
        client->last_id = 1;
        ask(client, "leave_project", "");
    }
}

static void joining_answered(struct client *client, const char *text)
{
    client->position = number_after(text, "\"position\":");
    if (told.positions && client->position < 0)
        fail("a join was answered without a position");
    if (client->position > client->room->head)
        client->room->head = client->position;
    client->join_answered = true;
    is_in(client);
}

static void move_answered(struct client *client, uint32_t id, bool agreed, long position)
{
    struct sent *sent = &client->ring[id & (uint32_t)(ring_size - 1)];
    if (!sent->at || id > client->last_id || id + (uint32_t)ring_size <= client->last_id) {
        counted.strays++;
        return;
    }
    if (sent->counts)
        took(sent->at);
    if (sent->counts && told.windows)
        took_in(acked_in, sent->at);
    sent->at = 0;
    client->outstanding--;
    pending--;
    counted.acks += phase == WINDOW && agreed;
    counted.acked += agreed;
    client->room->acked += agreed;
    if (position > client->room->head)
        client->room->head = position;
    if (phase != DRAIN && told.rate == 0)
        move(client, now_ns());
}

static void answered(struct client *client, const char *text)
{
    char *end;
    uint32_t id = (uint32_t)strtoul(text + 2, &end, 10);
    bool agreed = strstr(end, "\"ok\":true") != NULL;
    if (!agreed && !counted.refused++)
        snprintf(counted.refusal, sizeof counted.refusal, "%s", end);
    if (told.mode == MOVES && id)
        move_answered(client, id, agreed, number_after(end, "\"position\":"));
    else if (!agreed)
        fail("a join was refused: %.200s", end);
    else if (!id)
        joining_answered(client, end);
    else if (phase != DRAIN)
        join(client);
}

static bool named(const char *text, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(text, name, length) && text[length] == '"';
}

static void told_of(struct client *client, const char *name, const char *text)
{
    if (named(name, "task_updated")) {
        client->got++;
        counted.deliveries += phase == WINDOW;
        if (told.windows && client->state == JOINED)
            time_delivery(client, text);
        follow(client, text);
    } else if (named(name, "new_message") || named(name, "member_updated") || named(name, "project_updated")) {
        follow(client, text);
    } else if (named(name, "project_joined")) {
        client->join_arrived = true;
        is_in(client);
    } else if (named(name, "welcome")) {
        client->welcomed = true;
    } else if (named(name, "resync")) {
        fail("a client was told to resync");
    }
}

static void enter_if_welcome(struct client *client)
{
    if (client->state != ENTERING || !client->entered || !client->welcomed)
        return;
    client->state = PRESENT;
    if (++there == client_count)
        connect_ended = now_ns();
    if (told.join)
        join(client);
}

static void open_session(struct client *client)
{
    char text[4000];
    int length = snprintf(text, sizeof text, "40{\"token\":\"%s\"}", client->token);
    client->state = ENTERING;
    socket_send(client, text, (size_t)length);
}

void heard(struct client *client, const char *text)
{
    if (!strncmp(text, "42[\"", 4))
        told_of(client, text + 4, text);
    else if (!strncmp(text, "43", 2))
        answered(client, text);
    else if (!strcmp(text, "2"))
        socket_send(client, "3", 1);
    else if (!strncmp(text, "0{", 2) && client->state == OPENING)
        open_session(client);
    else if (!strncmp(text, "40", 2))
        client->entered = true;
    else
        fail("not expected: %.200s", text);
    enter_if_welcome(client);
}

/* ---- the course of a run */

static void enter_phase(enum phase next, double seconds)
{
    phase = next;
    phase_ends = now_ns() + (uint64_t)(1e9 * seconds);
}

static void begin_window(void)
{
    enter_phase(WINDOW, told.mode == REJOIN ? told.patience : told.seconds);
    counted.bytes = bytes_read;
    taken.count = 0;
    cpu_began = cpu_seconds();
    window_began = now_ns();
    say("begin");
}

static void end_window(void)
{
    window_ended = now_ns();
    cpu_ended = cpu_seconds();
    counted.bytes = bytes_read - counted.bytes;
    enter_phase(DRAIN, told.drain);
    say("end");
}

static void start_ticker(void)
{
    long interval = (long)(1e9 / told.rate);
    struct itimerspec every = {.it_interval.tv_nsec = interval, .it_value.tv_nsec = interval};
    ticker = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    timerfd_settime(ticker, 0, &every, NULL);
    watch(ticker, &ticker);
    first_due = now_ns();
}

static void start_moves(void)
{
    if (told.rate > 0) {
        start_ticker();
        return;
    }
    for (int each = 0; each < client_count; each++)
        for (int more = 0; clients[each].sends && more < told.outstanding; more++)
            move(&clients[each], now_ns());
}

static void go(void)
{
    enter_phase(WARM, told.warm);
    if (told.mode == IDLE || told.mode == REJOIN)
        begin_window();
    if (told.mode == IDLE)
        phase_ends = 0;
    else if (told.mode == MOVES)
        start_moves();
    else
        for (int each = 0; each < client_count; each++)
            if (told.mode == REJOIN || clients[each].sends)
                join(&clients[each]);
}

static void connect_more(void)
{
    int in_hand = begun - (told.join ? joined : there);
    for (; begun < client_count && in_hand < told.connecting; in_hand++)
        socket_connect(&clients[begun++], told.source, told.port);
    if ((told.join ? joined : there) == client_count) {
        enter_phase(READY, told.patience);
        say("ready");
    } else if (now_ns() > phase_ends) {
        fail("%d of %d sockets are connected and %d joined in time", there, client_count, joined);
    }
}

/* Frames that a client has not had yet: up to the last position acknowledged in its room, or as many as moves were. */
static long behind(const struct client *client)
{
    return told.positions ? client->room->head - client->position : client->room->acked - client->got;
}

static bool all_have_heard(void)
{
    for (int each = 0; each < client_count; each++)
        if (behind(&clients[each]) > 0)
            return false;
    return true;
}

/* One step of the run; false once it is over. */
static bool advance(void)
{
    bool late = now_ns() >= phase_ends;
    if (phase == SETUP)
        connect_more();
    else if (phase == READY && late)
        fail("nobody said go");
    else if (phase == WARM && late)
        begin_window();
    else if (phase == WINDOW && (late || (told.mode == REJOIN && joined == client_count)))
        end_window();
    else if (phase == DRAIN)
        return !late && told.mode == MOVES && (pending || !all_have_heard());
    if (told.rate > 0 && (phase == WARM || phase == WINDOW))
        send_due();
    return true;
}

static void handle(void *tag, uint32_t events)
{
    char said[16];
    if (tag == &ticker) {
        uint64_t expired;
        if (read(ticker, &expired, sizeof expired) < 0)
            return;
    } else if (tag == &phase) {
        if (read(STDIN_FILENO, said, sizeof said) <= 0)
            exit(1); /* whoever started us is gone */
        go();
    } else {
        socket_ready(tag, events);
    }
}

/* ---- instructions and the result */

static void set(const char *name, const char *value)
{
    static const char *const modes[] = {"moves", "joins", "rejoin", "idle"};
    struct { const char *name; int *whole; double *real; } known[] = {
        {"port", &told.port, NULL}, {"join", &told.join, NULL}, {"positions", &told.positions, NULL},
        {"connecting", &told.connecting, NULL}, {"outstanding", &told.outstanding, NULL},
        {"windows", &told.windows, NULL},
        {"seconds", NULL, &told.seconds}, {"warm", NULL, &told.warm}, {"drain", NULL, &told.drain},
        {"patience", NULL, &told.patience}, {"rate", NULL, &told.rate},
    };
    for (size_t each = 0; each < sizeof known / sizeof *known; each++)
        if (!strcmp(name, known[each].name)) {
            if (known[each].whole)
                *known[each].whole = atoi(value);
            else
                *known[each].real = atof(value);
            return;
        }
    for (int each = 0; each <= IDLE; each++)
        if (!strcmp(name, "mode") && !strcmp(value, modes[each])) {
            told.mode = (enum mode)each;
            return;
        }
    if (!strcmp(name, "position"))
        told.position = atol(value);
    else if (!strcmp(name, "source"))
        snprintf(told.source, sizeof told.source, "%s", value);
    else
        fail("no such setting: %s %s", name, value);
}

static struct room *room_called(const char *id)
{
    for (int each = room_count - 1; each >= 0; each--)
        if (!strcmp(rooms[each].id, id))
            return &rooms[each];
    rooms[room_count].id = strdup(id);
    return &rooms[room_count++];
}

static void add_client(char *words)
{
    struct client *client;
    clients = grown(clients, (size_t)client_count, sizeof *clients);
    client = &clients[client_count++];
    memset(client, 0, sizeof *client);
    client->token = strdup(strsep(&words, " "));
    client->room = room_called(strsep(&words, " "));
    client->sends = atoi(strsep(&words, " "));
    client->turn = atol(strsep(&words, " "));
    for (char *task; (task = strsep(&words, " ")) && strcmp(task, "-");) {
        client->tasks = grown(client->tasks, (size_t)client->task_count, sizeof *client->tasks);
        client->tasks[client->task_count++] = strdup(task);
    }
    if (told.mode == MOVES && client->sends && !client->task_count)
        fail("a client has no tasks to move");
}

static void instruct(void)
{
    static char line[LINE];
    char *name, *words;
    while (fgets(line, sizeof line, stdin) && strcmp(line, "run\n")) {
        line[strcspn(line, "\n")] = 0;
        words = line;
        name = strsep(&words, " ");
        if (!words)
            fail("not understood: %s", name);
        if (!strcmp(name, "client")) {
            add_client(words);
        } else {
            name = strsep(&words, " ");
            set(name, words ? words : "");
        }
    }
}

/* At most so many moves of one client are unanswered: a power of two beyond. */
static void make_rings(void)
{
    double most = told.rate > 0 ? told.rate * (told.seconds + told.warm + 1) : told.outstanding;
    while ((double)ring_size < most + 1)
        ring_size *= 2;
    for (int each = 0; each < client_count; each++)
        if (clients[each].sends && told.mode == MOVES) {
            clients[each].ring = calloc((size_t)ring_size, sizeof(struct sent));
            clients[each].due = calloc((size_t)ring_size, sizeof(struct sent));
            if (!clients[each].ring || !clients[each].due)
                fail("out of memory");
        }
}

static int by_size(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static double share(const struct times *times, double part)
{
    size_t at = (size_t)(part * (double)times->count);
    return times->count ? times->us[at < times->count ? at : times->count - 1] / 1e3 : -1;
}

static void print_times(const char *name, struct times *times)
{
    qsort(times->us, times->count, sizeof *times->us, by_size);
    printf("\"%s\":{\"count\":%zu,\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, times->count,
           share(times, .5), share(times, .95), share(times, .99), share(times, 1));
}

static void print_windows(void)
{
    printf("\"windows\":[");
    for (int each = 0; each < told.windows; each++) {
        printf(each ? ",{" : "{");
        print_times("ack", &acked_in[each]);
        printf(",");
        print_times("heard", &heard_in[each]);
        printf("}");
    }
    printf("],");
}

static void report(void)
{
    double seconds = 1e-9 * (double)(window_ended - window_began);
    long missing = 0, extra = 0;
    for (int each = 0; each < client_count && told.mode == MOVES; each++) {
        long lacking = behind(&clients[each]);
        *(lacking > 0 ? &missing : &extra) += labs(lacking);
    }
    printf("{\"phase\":\"result\",\"seconds\":%.6f,\"acks\":%ld,\"deliveries\":%ld,\"joins\":%ld,\"bytes\":%llu,", seconds,
           counted.acks, counted.deliveries, counted.joins, (unsigned long long)counted.bytes);
    print_times("ms", &taken);
    printf(",");
    print_windows();
    printf("\"acked\":%ld,\"refused\":%ld,\"unanswered\":%ld,\"lost\":%ld,\"doubled\":%ld,\"swapped\":%ld,", counted.acked,
           counted.refused, pending, counted.lost, counted.doubled, counted.swapped);
    printf("\"strays\":%ld,\"missing\":%ld,\"extra\":%ld,\"joined\":%d,\"connected\":%d,\"connectSeconds\":%.6f,",
           counted.strays, missing, extra, joined, there, 1e-9 * (double)(connect_ended - connect_began));
    printf("\"cpu\":%.4f,\"turns\":[", (cpu_ended - cpu_began) / (seconds > 0 ? seconds : 1));
    for (int each = 0; each < client_count; each++)
        printf("%s%ld", each ? "," : "", clients[each].turn);
    printf("],\"heads\":{");
    for (int each = 0; each < room_count; each++)
        printf("%s\"%s\":%ld", each ? "," : "", rooms[each].id, rooms[each].head);
    for (char *at = counted.refusal; *at; at++)
        *at = *at == '"' || *at == '\\' ? '\'' : *at;
    printf("},\"refusal\":\"%s\"}\n", counted.refusal);
    fflush(stdout);
}

int main(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    rooms = calloc(1 << 16, sizeof *rooms);
    instruct();
    if (told.windows > WINDOWS_AT_MOST)
        fail("%d windows are too many", told.windows);
    make_rings();
    for (int each = 0; told.windows && each < room_count; each++)
        rooms[each].due = calloc(HEARD, sizeof *rooms[each].due);
    sockets_open();
    watch(STDIN_FILENO, &phase);
    enter_phase(SETUP, told.patience);
    say("connecting");
    connect_began = now_ns();
    while (advance())
        await_events(phase == DRAIN ? 1 : 5, handle);
    report();
    return 0;
}
