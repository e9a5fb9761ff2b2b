/*
 * journal.h -- the verdicts that this node gave: BLOCK and REVIEW, with who
 * asked and by which rule, for as long as the operator wants.
 *
 * It is a memory of this machine and no part of any set.  It has no hashes:
 * entries are named by set and index, items as their callers call them.
 *
 * Units    _ms since 1970 UTC; sizes in bytes.
 * Owns     hf_journal_start() gives the caller a journal, hf_journal_free()
 *          takes it back.  The node is borrowed.
 * Threads  one of its own, which writes; hf_journal_put() from whoever looks
 *          up, and quick; hf_journal_read() from any.
 * Errors   what cannot be written is let go, and the log says how much; a file
 *          that is damaged is read up to there.
 * Source   daemon/DESIGN.md, "Verdicts"; hashfedd.conf(5), verdicts-keep.
 */
#ifndef HF_JOURNAL_H
#define HF_JOURNAL_H

#include "codec_audit.h"
#include "codec_match.h"
#include "err.h"
#include "rpc.h"

struct hf_journal;
struct hf_node;

/* Where it is off, what an earlier run kept is erased and *out_journal is
 * NULL. */
HF_MUST enum hf_err hf_journal_start(struct hf_node *node,
				     struct hf_journal **out_journal,
				     struct hf_why *why);

/* Write what waits, and end.  NULL is fine. */
void hf_journal_free(struct hf_journal *journal);

/* After a lookup: of each item the first HF_JOURNAL_HITS hits that block or ask
 * for review.  NULL is fine, for journal and who. */
#define HF_JOURNAL_HITS 8
void hf_journal_put(struct hf_journal *journal,
		    const struct hf_rpc_identity *who,
		    const struct hf_wire_match_request *request,
		    const struct hf_wire_match_response *response);

/* Where a reader is: a file, and how far in it. */
struct hf_journal_place {
	uint64_t file;
	uint64_t offset;
};

/* Every verdict from a place on, oldest first, until call says false; the place
 * is then behind the last one.  What waits is written before.  verdict lives
 * until call returns.  *out_has_more: there may be more. */
HF_MUST enum hf_err
hf_journal_read(struct hf_journal *journal, struct hf_journal_place *place,
		bool (*call)(void *arg, const struct hf_given_verdict *verdict),
		void *arg, bool *out_has_more, struct hf_why *why);

#endif /* HF_JOURNAL_H */
