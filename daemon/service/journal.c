#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "arena.h"
#include "bytes.h"
#include "clock.h"
#include "file.h"
#include "log.h"
#include "thread.h"

#include "journal.h"
#include "judged.h"
#include "node.h"

/* Verdicts that wait for the disk.  What comes then is not kept. */
#define QUEUE_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* One verdict after another comes to the disk with it. */
#define FLUSH_MS    2000
#define FLUSH_BYTES ((size_t)512 * 1024)

/* A file that is larger is followed by another; with what waited it can be so
 * much larger. */
#define FILE_BYTES     ((uint64_t)8 * 1024 * 1024)
#define FILE_MAX_BYTES ((size_t)32 * 1024 * 1024)

/* A record: length (4), checksum (8), an encoded GivenVerdict. */
#define HEAD_BYTES   12
#define RECORD_BYTES ((size_t)8 * 1024)

#define EXPIRE_MS 60000

struct hf_journal {
	struct hf_node *node; /* borrowed */
	char dir[HF_NODE_PATH_SIZE];
	char policy[HF_JUDGED_VERSION_SIZE];
	pthread_t thread;

	pthread_mutex_t writing; /* guards the files */
	uint64_t file;           /* the newest */
	bool has_failed;         /* logged */

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t news;
	struct hf_buf queue; /* records */
	uint64_t lost;
	bool must_stop;
};

/* ---- records ---- */

/* Against what a disk does, not against anybody. */
static uint64_t checksum(struct hf_span bytes)
{
	uint64_t sum = UINT64_C(14695981039346656037); /* FNV-1a */

	for (size_t i = 0; i < bytes.len_bytes; i++)
		sum = (sum ^ bytes.at[i]) * UINT64_C(1099511628211);
	return sum;
}

static void put_record(struct hf_buf *buf,
		       const struct hf_given_verdict *verdict)
{
	struct hf_buf record;

	hf_buf_init(&record, RECORD_BYTES);
	if (hf_given_verdict_encode(verdict, &record) == HF_OK) {
		hf_buf_put_u32(buf, (uint32_t)record.len_bytes);
		hf_buf_put_u64(buf, checksum(hf_buf_span(&record)));
		hf_buf_put(buf, hf_buf_span(&record));
	}
	hf_buf_release(&record);
}

/* The next record's text off rest; false at the end, or where it is none. */
static bool take_record(struct hf_span *rest, struct hf_span *out)
{
	size_t len;

	if (rest->len_bytes < HEAD_BYTES)
		return false;
	len = hf_be32(rest->at);
	if (len > RECORD_BYTES || len > rest->len_bytes - HEAD_BYTES)
		return false;
	*out = hf_span(rest->at + HEAD_BYTES, len);
	if (hf_be64(rest->at + 4) != checksum(*out))
		return false;
	*rest = hf_span(out->at + len, rest->len_bytes - HEAD_BYTES - len);
	return true;
}

/* ---- in ---- */

static const char *name_of(const struct hf_wire_match_request *request,
			   uint32_t item)
{
	return item < request->names_count ? request->names[item] : "";
}

/* Whether another hit of the same item and entry says more: the same file has
 * several hashes, and is one verdict. */
static bool is_outdone(const struct hf_wire_match_response *response, size_t at)
{
	const struct hf_wire_match_hit *hit = &response->hits[at];
	size_t from = at;

	while (from > 0 && response->hits[from - 1].item == hit->item)
		from--;
	for (size_t i = from;
	     i < response->hits_count && response->hits[i].item == hit->item;
	     i++) {
		const struct hf_wire_match_hit *other = &response->hits[i];

		if (i != at && other->index == hit->index &&
		    strcmp(other->origin, hit->origin) == 0 &&
		    (hf_wire_match_hit_is_stronger(other, hit) ||
		     (i < at && !hf_wire_match_hit_is_stronger(hit, other))))
			return true;
	}
	return false;
}

static size_t put_hits(const struct hf_journal *journal,
		       const struct hf_rpc_identity *who,
		       const struct hf_wire_match_request *request,
		       const struct hf_wire_match_response *response,
		       struct hf_buf *buf)
{
	uint64_t now_ms = hf_clock_wall_ms();
	size_t count = 0, of_item = 0;

	for (size_t i = 0; i < response->hits_count; i++) {
		const struct hf_wire_match_hit *hit = &response->hits[i];
		const struct hf_entry_ref entry = { .origin = hit->origin,
						    .index = hit->index };

		if (i > 0 && hit->item != response->hits[i - 1].item)
			of_item = 0;
		if (hit->verdict < HF_VERDICT_REVIEW ||
		    of_item >= HF_JOURNAL_HITS || is_outdone(response, i))
			continue;
		of_item++;
		put_record(buf, &(struct hf_given_verdict){
					.at_ms = now_ms,
					.verdict = hit->verdict,
					.entry = &entry,
					.rule = hit->rule,
					.policy_version = journal->policy,
					.algorithm = hit->algorithm,
					.distance = hit->distance,
					.who = who != NULL ? who->name : "",
					.item = name_of(request, hit->item),
				});
		count++;
	}
	return count;
}

void hf_journal_put(struct hf_journal *journal,
		    const struct hf_rpc_identity *who,
		    const struct hf_wire_match_request *request,
		    const struct hf_wire_match_response *response)
{
	struct hf_buf buf;
	size_t count;

	/* Most lookups match nothing. */
	if (journal == NULL || response->hits_count == 0)
		return;
	hf_buf_init(&buf, QUEUE_MAX_BYTES);
	count = put_hits(journal, who, request, response, &buf);
	pthread_mutex_lock(&journal->lock);
	if (hf_buf_failed(&buf) != HF_OK ||
	    journal->queue.len_bytes + buf.len_bytes > QUEUE_MAX_BYTES) {
		journal->lost += count;
	} else if (buf.len_bytes > 0) {
		bool was_empty = journal->queue.len_bytes == 0;

		hf_buf_put(&journal->queue, hf_buf_span(&buf));
		if (was_empty || journal->queue.len_bytes > FLUSH_BYTES)
			pthread_cond_signal(&journal->news);
	}
	pthread_mutex_unlock(&journal->lock);
	hf_buf_release(&buf);
}

/* ---- files ---- */

static void path_of(const struct hf_journal *journal, uint64_t file,
		    char out_path[static HF_NODE_PATH_SIZE + 32])
{
	snprintf(out_path, HF_NODE_PATH_SIZE + 32, "%s/%016" PRIx64,
		 journal->dir, file);
}

/* The files that there are, in order; more than this were never kept. */
#define FILES_MAX 65536

struct files {
	uint64_t *at; /* owned */
	size_t count;
};

static int by_number(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;

	return (a > b) - (a < b);
}

static enum hf_err list_files(const struct hf_journal *journal,
			      struct files *out, struct hf_why *why)
{
	DIR *dir = opendir(journal->dir);
	struct dirent *found;

	*out = (struct files){ .at = calloc(FILES_MAX, sizeof(*out->at)) };
	if (dir == NULL || out->at == NULL) {
		enum hf_err err = hf_why_errno(why, "open '%s'", journal->dir);

		if (dir != NULL)
			closedir(dir);
		free(out->at);
		return err;
	}
	while ((found = readdir(dir)) != NULL && out->count < FILES_MAX) {
		char *end;
		uint64_t number = strtoull(found->d_name, &end, 16);

		if (number > 0 && end == found->d_name + 16 && *end == '\0')
			out->at[out->count++] = number;
	}
	closedir(dir);
	qsort(out->at, out->count, sizeof(*out->at), by_number);
	return HF_OK;
}

/* Let go of what is too old or too much, but never of the newest file. */
static void expire(struct hf_journal *journal, bool all)
{
	const struct hf_conf *conf = journal->node->conf;
	uint64_t now_ms = hf_clock_wall_ms(), bytes = 0;
	char path[HF_NODE_PATH_SIZE + 32];
	struct files files;
	struct stat found;

	if (list_files(journal, &files, NULL) != HF_OK)
		return;
	for (size_t i = files.count; i-- > 0;) {
		uint64_t last_ms;

		path_of(journal, files.at[i], path);
		if (stat(path, &found) != 0)
			continue;
		last_ms = (uint64_t)found.st_mtim.tv_sec * 1000;
		bytes += (uint64_t)found.st_size;
		if (all || (files.at[i] != journal->file &&
			    (last_ms + conf->verdicts_keep_ms < now_ms ||
			     bytes > conf->verdicts_max_bytes)))
			(void)unlink(path);
	}
	free(files.at);
}

static enum hf_err write_all(int fd, struct hf_span bytes)
{
	while (bytes.len_bytes > 0) {
		ssize_t count = write(fd, bytes.at, bytes.len_bytes);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return HF_E_SYSTEM;
		bytes = hf_span(bytes.at + count,
				bytes.len_bytes - (size_t)count);
	}
	return HF_OK;
}

/* All of it, or nothing: a part of a record would hide what comes behind. */
static enum hf_err append(struct hf_journal *journal, struct hf_span records,
			  struct hf_why *why)
{
	char path[HF_NODE_PATH_SIZE + 32];
	enum hf_err err = HF_OK;
	struct stat found;
	int fd;

	path_of(journal, journal->file, path);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	if (fstat(fd, &found) != 0)
		err = hf_why_errno(why, "look at '%s'", path);
	else if (write_all(fd, records) != HF_OK || fdatasync(fd) != 0) {
		err = hf_why_errno(why, "write '%s'", path);
		if (ftruncate(fd, found.st_size) != 0)
			journal->file++;
	} else if ((uint64_t)found.st_size + records.len_bytes > FILE_BYTES)
		journal->file++;
	close(fd);
	return err;
}

/* What waits goes to the disk. */
static void flush(struct hf_journal *journal)
{
	struct hf_why why = { "" };
	struct hf_buf records;
	uint64_t lost;

	pthread_mutex_lock(&journal->writing);
	pthread_mutex_lock(&journal->lock);
	records = journal->queue;
	hf_buf_init(&journal->queue, QUEUE_MAX_BYTES);
	lost = journal->lost;
	journal->lost = 0;
	pthread_mutex_unlock(&journal->lock);
	if (lost > 0)
		hf_log(HF_LOG_WARNING, "journal", "not kept", "verdicts=%llu",
		       (unsigned long long)lost);
	if (records.len_bytes > 0) {
		bool has_failed =
			append(journal, hf_buf_span(&records), &why) != HF_OK;

		if (has_failed && !journal->has_failed)
			hf_log(HF_LOG_ERROR, "journal", "verdicts are lost",
			       "why=\"%s\"", why.text);
		journal->has_failed = has_failed;
	}
	pthread_mutex_unlock(&journal->writing);
	hf_buf_release(&records);
}

/* ---- the thread ---- */

/* Until something waits for a while, or much; false at the end. */
static bool wait_for_news(struct hf_journal *journal)
{
	struct timespec until =
		hf_clock_moment(hf_clock_mono_us() + EXPIRE_MS * 1000);
	bool goes_on;

	pthread_mutex_lock(&journal->lock);
	while (!journal->must_stop && journal->queue.len_bytes == 0 &&
	       pthread_cond_timedwait(&journal->news, &journal->lock, &until) ==
		       0)
		;
	until = hf_clock_moment(hf_clock_mono_us() + FLUSH_MS * 1000);
	while (!journal->must_stop && journal->queue.len_bytes > 0 &&
	       journal->queue.len_bytes <= FLUSH_BYTES &&
	       pthread_cond_timedwait(&journal->news, &journal->lock, &until) ==
		       0)
		;
	goes_on = !journal->must_stop;
	pthread_mutex_unlock(&journal->lock);
	return goes_on;
}

static void *run(void *arg)
{
	struct hf_journal *journal = arg;
	uint64_t expired_us = 0;

	hf_thread_name("journal");
	hf_thread_background();
	while (wait_for_news(journal)) {
		uint64_t now_us = hf_clock_mono_us();

		flush(journal);
		if (now_us - expired_us < (uint64_t)EXPIRE_MS * 1000)
			continue;
		expired_us = now_us;
		expire(journal, false);
	}
	flush(journal);
	return NULL;
}

/* ---- out ---- */

static bool read_file(struct hf_journal *journal, uint64_t file,
		      struct hf_journal_place *place, struct hf_arena *arena,
		      bool (*call)(void *arg,
				   const struct hf_given_verdict *verdict),
		      void *arg)
{
	char path[HF_NODE_PATH_SIZE + 32];
	struct hf_given_verdict verdict;
	struct hf_span rest, record;
	struct hf_buf bytes;
	bool goes_on = true;

	path_of(journal, file, path);
	hf_buf_init(&bytes, FILE_MAX_BYTES);
	if (place->file != file)
		*place = (struct hf_journal_place){ .file = file };
	/* One that was let go of meanwhile has nothing to say. */
	if (hf_file_read(path, &bytes, NULL) == HF_OK &&
	    place->offset <= bytes.len_bytes) {
		rest = hf_span(bytes.at + place->offset,
			       bytes.len_bytes - (size_t)place->offset);
		while (goes_on && take_record(&rest, &record)) {
			if (hf_given_verdict_parse(record, arena, &verdict,
						   NULL) == HF_OK &&
			    verdict.entry != NULL)
				goes_on = call(arg, &verdict);
			place->offset = (uint64_t)(rest.at - bytes.at);
			hf_arena_reset(arena);
		}
	}
	hf_buf_release(&bytes);
	return goes_on;
}

enum hf_err
hf_journal_read(struct hf_journal *journal, struct hf_journal_place *place,
		bool (*call)(void *arg, const struct hf_given_verdict *verdict),
		void *arg, bool *out_has_more, struct hf_why *why)
{
	struct hf_arena arena;
	struct files files;
	bool goes_on = true;
	enum hf_err err;

	*out_has_more = false;
	if (journal == NULL)
		return HF_OK;
	flush(journal);
	err = list_files(journal, &files, why);
	if (err != HF_OK)
		return err;
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	for (size_t i = 0; i < files.count && goes_on; i++) {
		if (files.at[i] < place->file)
			continue;
		goes_on = read_file(journal, files.at[i], place, &arena, call,
				    arg);
	}
	*out_has_more = !goes_on;
	hf_arena_release(&arena);
	free(files.at);
	return HF_OK;
}

/* ---- beginning and end ---- */

static void release(struct hf_journal *journal)
{
	hf_buf_release(&journal->queue);
	pthread_cond_destroy(&journal->news);
	pthread_mutex_destroy(&journal->lock);
	pthread_mutex_destroy(&journal->writing);
	free(journal);
}

static enum hf_err open_dir(struct hf_journal *journal, struct hf_why *why)
{
	struct files files;
	enum hf_err err = hf_file_mkdirs(journal->dir, 0700, why);

	if (err == HF_OK)
		err = list_files(journal, &files, why);
	if (err != HF_OK)
		return err;
	/* A new one each time: behind what a crash may have cut off nothing
	 * could be read. */
	journal->file = files.count > 0 ? files.at[files.count - 1] + 1 : 1;
	free(files.at);
	expire(journal, false);
	return HF_OK;
}

enum hf_err hf_journal_start(struct hf_node *node,
			     struct hf_journal **out_journal,
			     struct hf_why *why)
{
	struct hf_journal *journal = calloc(1, sizeof(*journal));
	enum hf_err err;

	*out_journal = NULL;
	if (journal == NULL)
		return hf_why(why, HF_E_NOMEM, "journal: no memory");
	journal->node = node;
	hf_judged_version(node->conf, journal->policy);
	snprintf(journal->dir, sizeof(journal->dir), "%s/verdicts",
		 node->conf->state_dir);
	hf_buf_init(&journal->queue, QUEUE_MAX_BYTES);
	pthread_mutex_init(&journal->writing, NULL);
	pthread_mutex_init(&journal->lock, NULL);
	hf_clock_cond_init(&journal->news);
	if (node->conf->verdicts_keep_ms == 0) {
		expire(journal, true);
		release(journal);
		return HF_OK;
	}
	err = open_dir(journal, why);
	if (err == HF_OK) {
		errno = pthread_create(&journal->thread, NULL, run, journal);
		if (errno != 0)
			err = hf_why_errno(why, "journal: start a thread");
	}
	if (err != HF_OK) {
		release(journal);
		return err;
	}
	*out_journal = journal;
	return HF_OK;
}

void hf_journal_free(struct hf_journal *journal)
{
	if (journal == NULL)
		return;
	pthread_mutex_lock(&journal->lock);
	journal->must_stop = true;
	pthread_cond_signal(&journal->news);
	pthread_mutex_unlock(&journal->lock);
	pthread_join(journal->thread, NULL);
	release(journal);
}
