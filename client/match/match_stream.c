#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "match_stream.h"
#include "match_sum.h"

void hf_match_stream_begin(struct hf_match_stream *stream, int fd,
			   const char *path, uint64_t at, uint8_t *buffer)
{
	*stream = (struct hf_match_stream){
		.fd = fd, .path = path, .at = at, .buffer = buffer
	};
}

static void write_out(struct hf_match_stream *stream, const uint8_t *bytes,
		      size_t len_bytes)
{
	stream->sum = hf_match_sum(stream->sum, bytes, len_bytes);
	while (stream->failed == 0 && len_bytes > 0) {
		ssize_t put =
			pwrite(stream->fd, bytes, len_bytes, (off_t)stream->at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			stream->failed = errno;
			return;
		}
		bytes += put;
		len_bytes -= (size_t)put;
		stream->at += (size_t)put;
	}
}

void hf_match_stream_flush(struct hf_match_stream *stream)
{
	size_t used = stream->used;

	stream->used = 0;
	write_out(stream, stream->buffer, used);
}

void hf_match_stream_put(struct hf_match_stream *stream, const void *bytes,
			 size_t len_bytes)
{
	if (len_bytes < HF_MATCH_STREAM_BYTES) {
		hf_match_stream_put_few(stream, bytes, len_bytes);
		return;
	}
	hf_match_stream_flush(stream);
	write_out(stream, bytes, len_bytes);
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
