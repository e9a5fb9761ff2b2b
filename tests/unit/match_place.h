/*
 * match_place.h -- an index that is written here and asked about from a process
 * of its own.
 */
#ifndef HF_MATCH_PLACE_H
#define HF_MATCH_PLACE_H

#include "match_model.h"

#include <sys/wait.h>

/*
 * A process that looks up for us: one question, one answer.
 */
struct question {
	uint8_t algorithm;
	uint8_t is_near;
	uint8_t digest[32];
};

struct reply {
	enum hf_err err;
	uint32_t count;
	uint8_t class;
	bool is_demoted;
	bool has_writer;
	uint64_t segments_count;
};

struct helper {
	pid_t pid;
	int ask, answer;
};

static inline void on_helper_hit(void *arg, const struct hf_index_hit *hit)
{
	struct reply *reply = arg;

	reply->count++;
	reply->class = hit->content_class;
	reply->is_demoted = hit->is_demoted;
}

static inline void answer_one(struct hf_index *index,
			      const struct question *question,
			      struct reply *reply)
{
	const struct hf_index_sink to = { on_helper_hit, NULL, reply };
	const struct hf_index_query query = { question->algorithm,
					      question->digest };
	struct hf_index_view *view;
	struct hf_index_stats stats;

	*reply = (struct reply){ 0 };
	reply->err = hf_index_view_begin(index, &view, NULL);
	if (reply->err != HF_OK)
		return;
	reply->err =
		question->is_near
			? hf_index_lookup_near(view, question->digest, 1, 31,
					       &to, NULL)
			: hf_index_lookup_exact(view, &query, 1, &to, NULL);
	hf_index_view_end(view);
	hf_index_stats(index, &stats);
	reply->segments_count = stats.segments_count;
	reply->has_writer = hf_index_has_writer(index);
}

static inline void answer_all(const char *dir, int ask, int answer)
{
	struct question question;
	struct hf_index *index;
	struct reply reply;

	if (hf_index_open_readonly(dir, &index, NULL) != HF_OK)
		_exit(1);
	while (read(ask, &question, sizeof(question)) == sizeof(question)) {
		answer_one(index, &question, &reply);
		if (write(answer, &reply, sizeof(reply)) != sizeof(reply))
			break;
	}
	hf_index_close(index);
	_exit(0);
}

/* Before the writer's threads begin, or after: it inherits no thread. */
static inline void start_helper(struct helper *helper, const char *dir)
{
	int ask[2], answer[2];

	assert_int_equal(pipe(ask), 0);
	assert_int_equal(pipe(answer), 0);
	helper->pid = fork();
	assert_true(helper->pid >= 0);
	if (helper->pid == 0) {
		close(ask[1]);
		close(answer[0]);
		answer_all(dir, ask[0], answer[1]);
	}
	close(ask[0]);
	close(answer[1]);
	helper->ask = ask[1];
	helper->answer = answer[0];
}

static inline void stop_helper(struct helper *helper)
{
	int status;

	close(helper->ask);
	close(helper->answer);
	assert_int_equal(waitpid(helper->pid, &status, 0), helper->pid);
	assert_int_equal(status, 0);
}

static inline struct reply ask(const struct helper *helper, unsigned algorithm,
			       uint64_t entry, bool is_near)
{
	struct question question = { .algorithm = (uint8_t)algorithm,
				     .is_near = is_near };
	struct reply reply = { 0 };

	numbered_digest(entry, question.digest);
	assert_int_equal(write(helper->ask, &question, sizeof(question)),
			 sizeof(question));
	assert_int_equal(read(helper->answer, &reply, sizeof(reply)),
			 sizeof(reply));
	assert_int_equal(reply.err, HF_OK);
	return reply;
}

static inline enum hf_err add_entry(struct hf_index *index, unsigned algorithm,
				    uint32_t set, uint64_t entry,
				    struct hf_why *why)
{
	uint8_t digest[32];
	const struct hf_index_hash hash = {
		.set = set,
		.entry = entry,
		.algorithm = (uint8_t)algorithm,
		.content_class = HF_CLASS_NCII,
		.quality = 80,
		.digest = digest,
	};

	numbered_digest(entry, digest);
	return hf_index_add(index, &hash, 1, why);
}

static inline void add_ok(struct hf_index *index, unsigned algorithm,
			  uint32_t set, uint64_t entry)
{
	struct hf_why why = { "" };

	assert_ok(add_entry(index, algorithm, set, entry, &why), &why);
}

#endif /* HF_MATCH_PLACE_H */
