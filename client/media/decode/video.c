#include <errno.h>
#include <string.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>

#include "media_limit.h"

#include "pdq.h"
#include "video.h"

/* Bytes that are read at once. */
#define READ_BYTES 65536

/* Containers and codecs that people upload: of the hundreds that libav knows,
 * these are looked after best. */
#define FORMATS "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"
#define CODECS                                                                 \
	"h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,mpeg2video,mpeg1video,mjpeg,"    \
	"h263,msmpeg4,msmpeg4v2,theora,rawvideo,ffv1"

/* A file may be shorter than it says by rounding, not by this. */
#define SECONDS_MISSING_MAX 2

struct video {
	struct hf_image_source *source; /* borrowed */
	struct hf_picture *picture;     /* borrowed */
	struct hf_answer *answer;       /* borrowed */
	AVIOContext *io;
	AVFormatContext *format;
	AVCodecContext *codec;
	struct SwsContext *scaler;
	AVPacket *packet;
	AVFrame *frame;
	uint8_t *row; /* owned: RGB of a scaled frame */
	int stream;
	int64_t step;    /* frames from one that is hashed to the next */
	int64_t number;  /* of the next frame */
	int64_t packets; /* of the stream */
	int64_t last;    /* the largest time a packet ends, or none */
	bool is_full;
};

static int read_some(void *opaque, uint8_t *at, int size)
{
	ptrdiff_t got = hf_image_read(opaque, at, (size_t)size);

	if (got < 0)
		return AVERROR(errno);
	return got > 0 ? (int)got : AVERROR_EOF;
}

static int64_t seek_to(void *opaque, int64_t offset, int whence)
{
	struct hf_image_source *source = opaque;
	int64_t base = 0;

	if ((whence & AVSEEK_SIZE) != 0)
		return (int64_t)source->size_bytes;
	whence &= ~AVSEEK_FORCE;
	if (whence == SEEK_CUR)
		base = (int64_t)source->offset;
	else if (whence == SEEK_END)
		base = (int64_t)source->size_bytes;
	if (offset < -base || offset > INT64_MAX - base)
		return AVERROR(EINVAL);
	source->offset = (uint64_t)(base + offset);
	return base + offset;
}

/* A container may name other files: there are none for it. */
static int open_no_more(AVFormatContext *format, AVIOContext **io,
			const char *url, int flags, AVDictionary **options)
{
	return AVERROR(EACCES);
}

static enum hf_err failed(int rc, const char *what, struct hf_why *why)
{
	if (rc == AVERROR(ENOMEM))
		return hf_why(why, HF_E_LIMIT, "%s takes too much memory",
			      what);
	return hf_why(why, HF_E_MALFORMED, "%s is damaged", what);
}

static enum hf_err open_container(struct video *video, struct hf_why *why)
{
	AVDictionary *options = NULL;
	uint8_t *buffer = av_malloc(READ_BYTES);
	int rc;

	if (buffer == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a video");
	video->io = avio_alloc_context(buffer, READ_BYTES, 0, video->source,
				       read_some, NULL, seek_to);
	if (video->io == NULL) {
		av_free(buffer);
		return hf_why(why, HF_E_NOMEM, "no memory for a video");
	}
	video->format = avformat_alloc_context();
	if (video->format == NULL)
		return hf_why(why, HF_E_NOMEM, "no memory for a video");
	video->format->pb = video->io;
	video->format->io_open = open_no_more;
	av_dict_set(&options, "format_whitelist", FORMATS, 0);
	av_dict_set(&options, "codec_whitelist", CODECS, 0);
	rc = avformat_open_input(&video->format, NULL, NULL, &options);
	av_dict_free(&options);
	if (rc < 0)
		return failed(rc, "the container", why);
	video->format->max_streams = 64;
	rc = avformat_find_stream_info(video->format, NULL);
	if (rc < 0)
		return failed(rc, "the container", why);
	return HF_OK;
}

/* The first stream of pictures, as the reference takes. */
static enum hf_err open_stream(struct video *video, struct hf_why *why)
{
	const AVCodecParameters *is = NULL;
	const AVCodec *decoder;
	AVStream *stream = NULL;
	AVRational rate;
	int rc;

	for (unsigned i = 0; i < video->format->nb_streams && is == NULL; i++) {
		stream = video->format->streams[i];
		if (stream->codecpar->codec_type != AVMEDIA_TYPE_VIDEO)
			continue;
		is = stream->codecpar;
		video->stream = (int)i;
	}
	if (is == NULL)
		return hf_why(why, HF_E_UNSUPPORTED, "no pictures in it");
	if (is->width <= 0 || is->height <= 0)
		return failed(AVERROR_INVALIDDATA, "the video", why);
	if ((int64_t)is->width * is->height > HF_MEDIA_VIDEO_PIXELS_MAX)
		return hf_why(why, HF_E_LIMIT,
			      "%d x %d pixels are too many for a video",
			      is->width, is->height);
	decoder = avcodec_find_decoder(is->codec_id);
	if (decoder == NULL)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "no decoder for a video of this kind (%s)",
			      avcodec_get_name(is->codec_id));
	video->codec = avcodec_alloc_context3(decoder);
	if (video->codec == NULL ||
	    avcodec_parameters_to_context(video->codec, is) < 0)
		return hf_why(why, HF_E_NOMEM, "no memory for a video");
	video->codec->thread_count = 1;
	video->codec->max_pixels = HF_MEDIA_VIDEO_PIXELS_MAX;
	video->codec->codec_whitelist = av_strdup(CODECS);
	rc = avcodec_open2(video->codec, decoder, NULL);
	if (rc == AVERROR(EINVAL))
		return hf_why(why, HF_E_UNSUPPORTED,
			      "a video of this kind (%s) is not decoded",
			      avcodec_get_name(is->codec_id));
	if (rc < 0)
		return failed(rc, "the video", why);
	rate = stream->avg_frame_rate;
	if (rate.num <= 0 || rate.den <= 0)
		rate = stream->r_frame_rate;
	if (rate.num <= 0 || rate.den <= 0)
		return failed(AVERROR_INVALIDDATA, "the video", why);
	/* As the reference: cut to whole frames, one at least. */
	video->step = rate.num / rate.den;
	if (video->step == 0)
		video->step = 1;
	video->answer->width = (uint32_t)is->width;
	video->answer->height = (uint32_t)is->height;
	return HF_OK;
}

/* A good one that is not there yet. */
static void put_hash(struct video *video)
{
	struct hf_answer *answer = video->answer;
	uint8_t *hash = answer->frames[answer->frames_count];
	unsigned quality;

	hf_pdq(video->picture, hash, &quality);
	if (quality < HF_MEDIA_FRAME_QUALITY_MIN)
		return;
	for (uint32_t i = 0; i < answer->frames_count; i++) {
		if (memcmp(answer->frames[i], hash, HF_PDQ_BYTES) == 0)
			return;
	}
	answer->frames_count++;
	video->is_full = answer->frames_count == HF_VPDQ_MAX_FRAMES;
}

static enum hf_err hash_frame(struct video *video, struct hf_why *why)
{
	AVFrame *frame = video->frame;
	bool is_small = frame->width <= HF_PICTURE_SIDE_MAX &&
			frame->height <= HF_PICTURE_SIDE_MAX;
	int width = is_small ? frame->width : HF_PICTURE_SIDE_MAX;
	int height = is_small ? frame->height : HF_PICTURE_SIDE_MAX;
	int stride = HF_PICTURE_SIDE_MAX * 3;
	uint8_t *planes[4] = { video->row };
	int strides[4] = { stride };
	enum hf_err err;

	video->scaler = sws_getCachedContext(
		video->scaler, frame->width, frame->height, frame->format,
		width, height, AV_PIX_FMT_RGB24, SWS_AREA, NULL, NULL, NULL);
	if (video->scaler == NULL)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "pixels of a kind that is not converted");
	if (sws_scale(video->scaler, (const uint8_t *const *)frame->data,
		      frame->linesize, 0, frame->height, planes,
		      strides) < height)
		return failed(AVERROR_INVALIDDATA, "a frame", why);
	err = hf_picture_begin(video->picture, (uint32_t)width,
			       (uint32_t)height, why);
	if (err != HF_OK)
		return err;
	for (int y = 0; y < height; y++)
		hf_picture_put_rgb(video->picture, (uint32_t)y,
				   video->row + (size_t)y * (size_t)stride, 3,
				   HF_PICTURE_WHOLE_ROW);
	put_hash(video);
	return HF_OK;
}

/* A packet, or NULL at the end, into frames. */
static enum hf_err decode_packet(struct video *video, const AVPacket *packet,
				 struct hf_why *why)
{
	enum hf_err err = HF_OK;
	int rc = avcodec_send_packet(video->codec, packet);

	if (rc < 0)
		return failed(rc, "the video", why);
	while (err == HF_OK && !video->is_full) {
		rc = avcodec_receive_frame(video->codec, video->frame);
		if (rc == AVERROR(EAGAIN) || rc == AVERROR_EOF)
			break;
		if (rc < 0)
			return failed(rc, "the video", why);
		if (video->number++ % video->step == 0)
			err = hash_frame(video, why);
		av_frame_unref(video->frame);
	}
	return err;
}

/* Is all there that the container said there would be? */
static enum hf_err check_end(const struct video *video, struct hf_why *why)
{
	const AVStream *stream = video->format->streams[video->stream];
	int64_t start =
		stream->start_time != AV_NOPTS_VALUE ? stream->start_time : 0;
	AVRational second = { 1, 1 };
	bool is_short = video->packets == 0;

	if (stream->nb_frames > 0)
		is_short |= video->packets < stream->nb_frames;
	else if (stream->duration > 0 && video->last != AV_NOPTS_VALUE)
		is_short |= av_rescale_q(stream->duration - video->last + start,
					 stream->time_base,
					 second) > SECONDS_MISSING_MAX;
	if (!is_short && stream->nb_frames <= 0 && stream->duration <= 0 &&
	    video->format->duration > 0 && video->last != AV_NOPTS_VALUE)
		is_short = video->format->duration / AV_TIME_BASE -
				   av_rescale_q(video->last - start,
						stream->time_base, second) >
			   SECONDS_MISSING_MAX;
	return is_short ? hf_why(why, HF_E_MALFORMED, "the video is cut off")
			: HF_OK;
}

static enum hf_err decode_all(struct video *video, struct hf_why *why)
{
	enum hf_err err = HF_OK;
	int rc = 0;

	video->last = AV_NOPTS_VALUE;
	while (err == HF_OK && !video->is_full) {
		rc = av_read_frame(video->format, video->packet);
		if (rc < 0)
			break;
		if (video->packet->stream_index == video->stream) {
			int64_t end = video->packet->pts;

			video->packets++;
			if (end != AV_NOPTS_VALUE &&
			    video->packet->duration > 0 &&
			    end < INT64_MAX - video->packet->duration)
				end += video->packet->duration;
			if (end != AV_NOPTS_VALUE &&
			    (video->last == AV_NOPTS_VALUE ||
			     end > video->last))
				video->last = end;
			err = decode_packet(video, video->packet, why);
		}
		av_packet_unref(video->packet);
	}
	if (err != HF_OK || video->is_full)
		return err;
	if (rc != AVERROR_EOF)
		return failed(rc, "the video", why);
	err = decode_packet(video, NULL, why);
	return err == HF_OK ? check_end(video, why) : err;
}

static void release(struct video *video)
{
	av_packet_free(&video->packet);
	av_frame_free(&video->frame);
	sws_freeContext(video->scaler);
	avcodec_free_context(&video->codec);
	avformat_close_input(&video->format);
	if (video->io != NULL)
		av_freep(&video->io->buffer);
	avio_context_free(&video->io);
	av_free(video->row);
}

enum hf_err hf_video_decode(struct hf_image_source *source,
			    struct hf_picture *picture,
			    struct hf_answer *out_answer, struct hf_why *why)
{
	struct video video = { .source = source,
			       .picture = picture,
			       .answer = out_answer };
	enum hf_err err;

	out_answer->frames_count = 0;
	av_log_set_level(AV_LOG_QUIET);
	video.packet = av_packet_alloc();
	video.frame = av_frame_alloc();
	/* What vectors write behind the last row. */
	video.row = av_malloc((HF_PICTURE_SIDE_MAX + 1) *
			      (size_t)HF_PICTURE_SIDE_MAX * 3);
	err = video.packet == NULL || video.frame == NULL || video.row == NULL
		      ? hf_why(why, HF_E_NOMEM, "no memory for a video")
		      : open_container(&video, why);
	if (err == HF_OK)
		err = open_stream(&video, why);
	if (err == HF_OK)
		err = decode_all(&video, why);
	if (err != HF_OK)
		out_answer->frames_count = 0;
	release(&video);
	return err;
}
