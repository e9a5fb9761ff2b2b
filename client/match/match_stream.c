#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "match_stream.h"
#include "match_sum.h"

static size_t room_at(uint64_t at)
{
	return HF_MATCH_STREAM_BYTES - at % HF_MATCH_STREAM_BYTES;
}

void hf_match_stream_begin(struct hf_match_stream *stream, int fd,
			   const char *path, uint64_t at, uint8_t *buffer)
{
	*stream = (struct hf_match_stream){ .fd = fd,
					    .path = path,
					    .at = at,
					    .size = room_at(at),
					    .buffer = buffer };
}

void hf_match_stream_flush(struct hf_match_stream *stream)
{
	const uint8_t *bytes = stream->buffer;
	size_t left = stream->used;

	stream->sum = hf_match_sum(stream->sum, bytes, left);
	stream->used = 0;
	while (stream->failed == 0 && left > 0) {
		ssize_t put;

		if (stream->lock != NULL)
			pthread_mutex_lock(stream->lock);
		put = pwrite(stream->fd, bytes, left, (off_t)stream->at);
		if (stream->lock != NULL)
			pthread_mutex_unlock(stream->lock);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			stream->failed = errno;
			return;
		}
		/* Whether it went well, fsync() tells. */
		(void)sync_file_range(stream->fd, (off_t)stream->at, put,
				      SYNC_FILE_RANGE_WRITE);
		bytes += put;
		left -= (size_t)put;
		stream->at += (size_t)put;
	}
	stream->size = room_at(stream->at);
}

void hf_match_stream_put(struct hf_match_stream *stream, const void *bytes,
			 size_t len_bytes)
{
	const uint8_t *from = bytes;

	while (len_bytes > 0) {
		size_t room = stream->size - stream->used;
		size_t some = len_bytes < room ? len_bytes : room;

		memcpy(stream->buffer + stream->used, from, some);
		stream->used += some;
		from += some;
		len_bytes -= some;
		if (some == room)
			hf_match_stream_flush(stream);
	}
}

enum hf_err hf_match_stream_end(struct hf_match_stream *stream, uint64_t until,
				uint32_t *out_sum, struct hf_why *why)
{
	static const uint8_t zeros[64];

	while (stream->failed == 0 && stream->at + stream->used < until) {
		uint64_t left = until - stream->at - stream->used;

		hf_match_stream_put_few(stream, zeros,
					left < sizeof(zeros) ? left
							     : sizeof(zeros));
	}
	hf_match_stream_flush(stream);
	if (stream->failed != 0) {
		errno = stream->failed;
		return hf_why_errno(why, "write '%s'", stream->path);
	}
	if (stream->at != until)
		return hf_why(why, HF_E_INTERNAL,
			      "index: a section of '%s' ends at %" PRIu64
			      ", not %" PRIu64,
			      stream->path, stream->at, until);
	*out_sum = stream->sum;
	return HF_OK;
}
