/*
 * media.h -- files into hashes: MD5, SHA-1 and SHA-256 of any file, the PDQ
 * hash of a JPEG, PNG or WebP image, and the PDQ hashes of a video's frames.
 *
 * It reads what strangers uploaded.  The digests are made here, in one pass;
 * images are decoded by the program hashfed-media, which is started with
 * posix_spawn() (so it may be started at any time, threads or not), confines
 * itself (no new files, no network, 256 MiB, processor time) and decodes each
 * image in a child of its own, so that one image can neither harm nor watch
 * another.  Videos are decoded the same way by the program hashfed-video, where
 * it is installed beside that one.  It knows nothing of lists, servers or
 * verdicts.
 *
 * Units    _bytes, _ms; quality 0 to 100; sides of an image in pixels.
 * Owns     hf_media_open() gives the caller a pool; hf_media_close() takes it
 *          back.  A result and its path are borrowed until the callback that
 *          got them returns.
 * Threads  a pool belongs to one thread, and every callback runs on it,
 *          inside the calls that say so.  The threads that read and hash are
 *          the pool's own; they have all signals blocked.
 * Errors   a file's errors are in its result and never end a run.  What the
 *          calls themselves return is about the pool: NOMEM, SYSTEM, NOTFOUND
 *          when hashfed-media is not there.
 * Source   PDQ: "PDQ & TMK + PDQF", Meta, 2019, and its reference program,
 *          which ignores transparency and EXIF orientation, and takes
 *          512 x 512 nearest samples of an image with a side over 512; so do
 *          we.  Limits of images: media_limit.h.
 */
#ifndef HF_MEDIA_H
#define HF_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "media_kind.h"

#define HF_MEDIA_MD5_BYTES    16
#define HF_MEDIA_SHA1_BYTES   20
#define HF_MEDIA_SHA256_BYTES 32
#define HF_MEDIA_PDQ_BYTES    32

/*
 * What became of one file.
 *
 * err      reading it: NOTFOUND, DENIED, SYSTEM; ARGUMENT for what is not a
 *          regular file (directory, fifo, device; symbolic links are
 *          followed); CONFLICT when it changed while it was read; CANCELLED.
 *          When it is not HF_OK nothing else but path, tag and why is set.
 * pdq_err  the PDQ hash, when err is HF_OK: HF_OK means that pdq and quality
 *          are set.  UNSUPPORTED: not an image of a kind we decode; then it
 *          may be a video with frames.  Of a video the other errors are why
 *          it has none.
 *          MALFORMED: corrupt or truncated.  LIMIT: too many pixels, or too
 *          much memory.  DEADLINE: took too long.  CORRUPT: it crashed the
 *          decoder.  The three digests are good in every case.
 * why      the sentence, without the path, for err or else pdq_err.
 */
struct hf_media_result {
	const char *path; /* borrowed, as it was given */
	void *tag;        /* as it was given */
	enum hf_err err;
	enum hf_media_kind kind;
	uint64_t size_bytes;
	uint8_t md5[HF_MEDIA_MD5_BYTES];
	uint8_t sha1[HF_MEDIA_SHA1_BYTES];
	uint8_t sha256[HF_MEDIA_SHA256_BYTES];
	enum hf_err pdq_err;
	uint8_t pdq[HF_MEDIA_PDQ_BYTES]; /* first hex digit first */
	unsigned quality;                /* below 50: do not match on it */
	const uint8_t *frames;           /* borrowed; PDQ hashes of a video */
	size_t frames_count;             /* 0: no list */
	uint32_t width;                  /* 0 when not known */
	uint32_t height;
	struct hf_why why;
};

struct hf_media;

/* A result to keep, but for its path and tag, which stay as they are; give it
 * back to hf_media_result_release().  NOMEM. */
HF_MUST enum hf_err hf_media_result_copy(const struct hf_media_result *result,
					 struct hf_media_result *out_copy,
					 struct hf_why *why);
void hf_media_result_release(struct hf_media_result *copy);

/* Zero and NULL take the default in brackets. */
struct hf_media_options {
	unsigned threads_count; /* files at a time (one a core), at most 64 */
	size_t window_count;    /* added and not delivered (8 a thread) */
	bool is_unordered;      /* deliver as they end, not as added */
	bool is_exact_only;     /* decode no image: pdq_err is UNSUPPORTED */
	uint32_t image_max_ms;  /* for one image, on the wall (60,000) */
	uint32_t video_max_ms;  /* for one video (1,200,000) */
	const char *helper;     /* hashfed-media (beside this program, then
				   ../libexec/hashfed, then where installed) */
	void (*on_result)(void *arg, const struct hf_media_result *result);
	void *arg;
};

/* Start the threads and the first helper, and wait until that has confined
 * itself. */
HF_MUST enum hf_err hf_media_open(const struct hf_media_options *options,
				  struct hf_media **out_media,
				  struct hf_why *why);

/* Is there a hashfed-video?  Without it videos have no lists. */
bool hf_media_has_video(const struct hf_media *media);

/* Put a file in.  Waits while window_count are under way, and delivers what
 * is ready: on_result may run, for other files, before this returns.  The
 * path is copied.  Only NOMEM. */
HF_MUST enum hf_err hf_media_add(struct hf_media *media, const char *path,
				 void *tag, struct hf_why *why);

/* Write to this eventfd whenever a file is done: for one who waits for other
 * things as well, and then calls hf_media_poll().  It has to outlive the pool.
 */
void hf_media_wake(struct hf_media *media, int eventfd);

/* Deliver what is ready without waiting.  How many are still under way. */
size_t hf_media_poll(struct hf_media *media);

/* Wait for everything that was added and deliver it. */
void hf_media_finish(struct hf_media *media);

/* End early: what is not done yet will be delivered as CANCELLED, until
 * hf_media_finish() has delivered it all.  The one call that on_result,
 * another thread or a signal handler may make. */
void hf_media_cancel(struct hf_media *media);

/* Cancel, wait for the files that had begun, end the helpers.  Nothing more
 * is delivered.  NULL is fine. */
void hf_media_close(struct hf_media *media);

/* One file, now: out_result's path is the caller's; it has no frames.  Delivers
 * what was added before.  What it returns is out_result->err. */
HF_MUST enum hf_err hf_media_hash_file(struct hf_media *media, const char *path,
				       struct hf_media_result *out_result,
				       struct hf_why *why);

#endif /* HF_MEDIA_H */
