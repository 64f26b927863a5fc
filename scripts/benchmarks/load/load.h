/* The load generator's two halves: sockets that speak Engine.IO over websockets, and the load they carry. */

#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PREFIX = 1024,      /* bytes kept of each message: enough for every name, id and number we look at */
    CONTROL = 125,      /* bytes of a control frame at most */
    HEADER = 14,        /* bytes of a frame's header at most */
    LINE = 1 << 20,     /* bytes of a line of instructions at most */
    HEARD = 1 << 16     /* events of a room that may be on their way to its clients, where deliveries are timed */
};

enum state { AWAY, CONNECTING, UPGRADING, OPENING, ENTERING, PRESENT, JOINED };

struct sent {
    uint64_t at;        /* when it was due, 0 once it was answered */
    bool counts;        /* it was due within the window */
};

struct room {
    char *id;
    long acked;         /* moves acknowledged to anybody in it */
    long head;          /* the highest position acknowledged */
    long heard;         /* the highest position anybody has heard of */
    struct sent *due;   /* when the move behind a position was due */
};

struct client {
    int fd;
    enum state state;
    /* what comes in */
    unsigned char header[HEADER];
    unsigned header_length;
    bool in_payload, final;
    unsigned opcode;
    uint64_t left;      /* of the frame being read */
    unsigned prefix_length, control_length;
    char prefix[PREFIX + 1], control[CONTROL + 1];
    /* what goes out and did not fit */
    char *out;
    size_t out_length;
    /* who it is, and what it may do */
    char *token, **tasks;
    struct room *room;
    int task_count;
    bool sends;
    /* what it has done */
    long turn;          /* moves sent, over earlier runs too: which task is next, and to which column */
    uint32_t last_id;
    struct sent *ring;
    struct sent *due;   /* of each move, for who hears of it */
    uint32_t heard_id;  /* the last move that anybody heard of */
    int outstanding;
    long position, got;
    bool entered, welcomed, join_answered, join_arrived;
    uint64_t asked_at;
};

/* socket.c */
void sockets_open(void);
void socket_connect(struct client *client, const char *source, int port);
void socket_ready(struct client *client, uint32_t events);
void socket_send(struct client *client, const char *text, size_t length);
void watch(int fd, void *tag);
int await_events(int timeout_ms, void (*handle)(void *tag, uint32_t events));
uint64_t now_ns(void);
void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
extern uint64_t bytes_read;

/* load.c: what the sockets tell */
void heard(struct client *client, const char *text);

#endif
