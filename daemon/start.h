/*
 * start.h -- the parts of the daemon, brought up in order and taken down in
 * reverse.
 *
 * Units    none.
 * Owns     hf_start_*() fill in the struct; hf_start_stop() takes everything
 *          back, whatever had come up.
 * Threads  main only.
 * Errors   a sentence that names file, line and remedy where there is one.
 * Source   hashfedd(8), daemon/DESIGN.md.
 */
#ifndef HF_START_H
#define HF_START_H

#include "conf.h"
#include "err.h"
#include "node.h"

struct hf_rpc_server;
struct hf_store_move;
struct hf_watch;

/* One socket for each duty of programs on this machine. */
#define HF_START_LOCAL_COUNT 4

struct hf_start {
	struct hf_conf *conf; /* owned */
	struct hf_layout layout;
	char *key_pem;  /* owned */
	char *cert_pem; /* owned */
	struct hf_node node;
	struct hf_rpc_server *server;
	struct hf_rpc_server *locals[HF_START_LOCAL_COUNT];
	bool is_rpc_up;
	bool is_answering;
	struct hf_watch
		*watch; /* borrowed; signals, while a start takes long */
};

/* Certificate, key and ring can be used; nothing is started. */
HF_MUST enum hf_err hf_start_check(struct hf_start *start, struct hf_why *why);

/* The signer, by its socket or as a child: the last fork. */
HF_MUST enum hf_err hf_start_signer(struct hf_start *start, const char *home,
				    struct hf_why *why);

/* Ledger, indexes and what follows them. */
HF_MUST enum hf_err hf_start_store(struct hf_start *start, struct hf_why *why);

/* Of these a part: the indexes, made again where they are damaged or stand for
 * more than the ledger has. */
HF_MUST enum hf_err hf_start_index(struct hf_node *node, struct hf_why *why);

/* Of these a part: where lookups are made, and the verdicts that are given
 * there.  Needs nothing of the store; once is enough. */
HF_MUST enum hf_err hf_start_desk(struct hf_node *node, struct hf_why *why);

/* Loops, servers and peers. */
HF_MUST enum hf_err hf_start_serve(struct hf_start *start, struct hf_why *why);

/* Of these parts: loops, and servers that have their addresses; and they
 * answer.  Once is enough. */
HF_MUST enum hf_err hf_start_listen(struct hf_start *start, struct hf_why *why);
HF_MUST enum hf_err hf_start_answer(struct hf_start *start, struct hf_why *why);

/* Running calls get grace_ms to end. */
void hf_start_servers_stop(struct hf_start *start, int64_t grace_ms);
void hf_start_servers_free(struct hf_start *start);

/*
 * A store that is of an older format (meanwhile.h): lookups are answered from
 * the first word on, the rest when all is open.
 */

/* What the store says of it; CANCELLED when a signal said to end.  arg is the
 * start. */
HF_MUST enum hf_err hf_start_meanwhile(void *arg,
				       const struct hf_store_move *move,
				       struct hf_why *why);

/* The store is of this format now. */
void hf_start_meanwhile_opened(struct hf_start *start);

/* Wait until lookups find all that they did, and let them. */
HF_MUST enum hf_err hf_start_meanwhile_change_over(struct hf_start *start,
						   struct hf_why *why);

void hf_start_meanwhile_end(struct hf_start *start);

/* Of these the last: what peers tell goes to whom it concerns. */
HF_MUST enum hf_err hf_start_peers(struct hf_start *start, struct hf_why *why);

/* All of it, in reverse; running calls get grace_ms to end. */
void hf_start_stop(struct hf_start *start, int64_t grace_ms);

#endif /* HF_START_H */
