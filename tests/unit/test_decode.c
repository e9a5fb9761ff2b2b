#include "unit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buf.h"
#include "bytes.h"
#include "confine.h"
#include "encode.h"
#include "file.h"
#include "image.h"
#include "media_limit.h"
#include "paint.h"
#include "pdq.h"

#define FILE_MAX_BYTES ((size_t)16 * 1024 * 1024)

/* One picture and room to hash in, for all tests. */
struct table {
	struct hf_canvas canvas;
	struct hf_picture picture;
};

static bool is_torture(void)
{
	return getenv("HF_FAIL_ALLOC") != NULL;
}

static int set(void **state)
{
	struct table *table = calloc(1, sizeof(*table));
	struct hf_canvas large, small;
	enum hf_err err;

	if (table == NULL)
		return -1;
	if (hf_paint(11, 1, &large, NULL) != HF_OK) {
		free(table);
		return -1;
	}
	/* A small one is quick to encode, and torture does it often. */
	err = hf_paint_resized(&large, &small, NULL);
	hf_canvas_release(&large);
	if (err == HF_OK) {
		err = hf_paint_resized(&small, &table->canvas, NULL);
		hf_canvas_release(&small);
	}
	if (err != HF_OK) {
		free(table);
		return -1;
	}
	*state = table;
	return 0;
}

static int clear(void **state)
{
	struct table *table = *state;

	/* NULL when set() failed. */
	if (table != NULL)
		hf_canvas_release(&table->canvas);
	free(table);
	return 0;
}

static enum hf_err decode(struct table *table, struct hf_span bytes,
			  struct hf_why *why)
{
	struct hf_image_source source = {
		.bytes = bytes.at,
		.fd = -1,
		.size_bytes = bytes.len_bytes,
	};

	return hf_image_decode(&source, hf_media_kind(bytes), &table->picture,
			       why);
}

static unsigned distance(const uint8_t *a, const uint8_t *b)
{
	unsigned bits = 0;

	for (size_t i = 0; i < HF_PDQ_BYTES; i++)
		bits += (unsigned)__builtin_popcount(a[i] ^ b[i]);
	return bits;
}

typedef enum hf_err encoder(const struct hf_canvas *canvas,
			    const struct hf_encode_how *how, struct hf_buf *buf,
			    struct hf_why *why);

static void kinds_are_told_by_their_first_bytes(void **state)
{
	const struct {
		const char *name;
		struct hf_span bytes;
		enum hf_media_kind want;
	} rows[] = {
		/* clang-format off */
		{ "nothing",    BYTES(""),                          HF_MEDIA_OTHER },
		{ "text",       BYTES("hello, world, hello"),       HF_MEDIA_OTHER },
		{ "jpeg",       BYTES("\xff\xd8\xff\xe0"),          HF_MEDIA_JPEG },
		{ "half jpeg",  BYTES("\xff\xd8"),                  HF_MEDIA_OTHER },
		{ "png",        BYTES("\x89PNG\r\n\x1a\n...."),     HF_MEDIA_PNG },
		{ "text png",   BYTES("\x89PNG\n\x1a\n....."),      HF_MEDIA_OTHER },
		{ "webp",       BYTES("RIFF....WEBPVP8 "),          HF_MEDIA_WEBP },
		{ "wave",       BYTES("RIFF....WAVEfmt "),          HF_MEDIA_OTHER },
		{ "half webp",  BYTES("RIFF....WEB"),               HF_MEDIA_OTHER },
		{ "gif",        BYTES("GIF89a......"),              HF_MEDIA_GIF },
		{ "tiff",       BYTES("II*\0...."),                 HF_MEDIA_TIFF },
		{ "bmp",        BYTES("BM....\0\0\0\0....."),       HF_MEDIA_BMP },
		{ "letter BM",  BYTES("BMW and other makers"),      HF_MEDIA_OTHER },
		{ "avif",       BYTES("....ftypavif...."),          HF_MEDIA_AVIF },
		{ "heic",       BYTES("....ftypheic...."),          HF_MEDIA_HEIF },
		{ "mp4",        BYTES("....ftypisom...."),          HF_MEDIA_MP4 },
		{ "webm",       BYTES("\x1a\x45\xdf\xa3...."),      HF_MEDIA_MATROSKA },
		/* clang-format on */
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (hf_media_kind(rows[i].bytes) != rows[i].want)
			fail_msg("%s: is %s", rows[i].name,
				 hf_media_kind_word(
					 hf_media_kind(rows[i].bytes)));
	assert_true(hf_media_kind_is_image(HF_MEDIA_GIF));
	assert_false(hf_media_kind_has_pdq(HF_MEDIA_GIF));
	assert_true(hf_media_kind_is_video(HF_MEDIA_MP4));
	assert_string_equal(hf_media_kind_word(HF_MEDIA_KIND_COUNT), "other");
}

/* Each variant of a format against the first of its colours: equal where no
 * picture is lost, near where some is. */
static void variants_of_a_picture_hash_alike(void **state)
{
	static const struct {
		const char *name;
		encoder *encode;
		struct hf_encode_how how;
		unsigned most;
	} rows[] = {
		/* clang-format off */
		{ "png",              hf_encode_png,  { HF_ENCODE_RGB, 0, false, false },   256 },
		{ "interlaced png",   hf_encode_png,  { HF_ENCODE_RGB, 0, true, false },      0 },
		{ "transparent png",  hf_encode_png,  { HF_ENCODE_ALPHA, 0, false, false },   0 },
		{ "16-bit png",       hf_encode_png,  { HF_ENCODE_DEEP, 0, false, false },    0 },
		{ "16-bit interlaced",hf_encode_png,  { HF_ENCODE_DEEP, 0, true, false },     0 },
		{ "lossless webp",    hf_encode_webp, { HF_ENCODE_RGB, 0, false, true },      0 },
		{ "webp",             hf_encode_webp, { HF_ENCODE_RGB, 90, false, false },    8 },
		{ "jpeg",             hf_encode_jpeg, { HF_ENCODE_RGB, 95, false, false },    8 },
		{ "progressive jpeg", hf_encode_jpeg, { HF_ENCODE_RGB, 95, true, false },     8 },
		{ "cmyk jpeg",        hf_encode_jpeg, { HF_ENCODE_CMYK, 95, false, false },   8 },
		{ "grey png",         hf_encode_png,  { HF_ENCODE_GREY, 0, false, false },  256 },
		{ "interlaced grey",  hf_encode_png,  { HF_ENCODE_GREY, 0, true, false },     0 },
		{ "palette png",      hf_encode_png,  { HF_ENCODE_PALETTE, 0, false, false }, 0 },
		{ "grey jpeg",        hf_encode_jpeg, { HF_ENCODE_GREY, 95, false, false },   8 },
		/* clang-format on */
	};
	struct table *table = *state;
	uint8_t want[HF_PDQ_BYTES];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		uint8_t pdq[HF_PDQ_BYTES];
		unsigned quality;
		struct hf_buf buf;

		hf_buf_init(&buf, FILE_MAX_BYTES);
		if (rows[i].encode(&table->canvas, &rows[i].how, &buf, &why) !=
			    HF_OK ||
		    decode(table, hf_buf_span(&buf), &why) != HF_OK)
			fail_msg("%s: %s", rows[i].name, why.text);
		hf_buf_release(&buf);
		assert_int_equal(table->picture.width, table->canvas.width);
		assert_int_equal(table->picture.height, table->canvas.height);
		hf_pdq(&table->picture, pdq, &quality);
		assert_in_range(quality, 50, 100);
		if (rows[i].most == 256)
			memcpy(want, pdq, sizeof(want));
		if (distance(want, pdq) > rows[i].most)
			fail_msg("%s: distance %u", rows[i].name,
				 distance(want, pdq));
	}
}

/* The hash of a canvas as a PNG. */
static void hash_png(struct table *table, const struct hf_canvas *canvas,
		     bool is_interlaced, uint8_t out_pdq[HF_PDQ_BYTES])
{
	const struct hf_encode_how how = { .is_interlaced = is_interlaced };
	struct hf_why why = { "" };
	struct hf_buf buf;
	unsigned quality;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	assert_ok(hf_encode_png(canvas, &how, &buf, &why), &why);
	assert_ok(decode(table, hf_buf_span(&buf), &why), &why);
	hf_buf_release(&buf);
	hf_pdq(&table->picture, out_pdq, &quality);
}

/* Also: an image that is sampled, and not kept whole, comes out the same in
 * whatever order its rows come. */
static void sides_of_any_length_are_no_trouble(void **state)
{
	static const struct {
		unsigned width;
		unsigned height;
		bool is_hashed;
	} rows[] = {
		/* clang-format off */
		{ 1, 1, false },   { 4, 400, false },  { 5, 5, true },
		{ 64, 64, true },  { 63, 65, true },   { 512, 512, true },
		{ 513, 5, true },  { 5, 2000, true },  { 1, 2000, true },
		{ 511, 513, true }, { 1300, 700, true },
		/* clang-format on */
	};
	static const uint8_t none[HF_PDQ_BYTES];
	struct table *table = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		uint8_t pdq[HF_PDQ_BYTES], interlaced[HF_PDQ_BYTES];
		struct hf_canvas canvas;
		struct hf_why why = { "" };

		if (is_torture() && rows[i].width + rows[i].height > 600)
			continue;
		assert_ok(hf_canvas_init(&canvas, rows[i].width, rows[i].height,
					 &why),
			  &why);
		for (size_t k = 0;
		     k < (size_t)rows[i].width * rows[i].height * 3; k++)
			canvas.rgb[k] = (uint8_t)(k * k >> 5);
		hash_png(table, &canvas, false, pdq);
		hash_png(table, &canvas, true, interlaced);
		hf_canvas_release(&canvas);
		if (memcmp(pdq, interlaced, sizeof(pdq)) != 0 ||
		    (memcmp(pdq, none, sizeof(none)) != 0) != rows[i].is_hashed)
			fail_msg("%u x %u", rows[i].width, rows[i].height);
	}
}

/* Every shorter beginning of a file fails, and with a sentence. */
static void truncated_images_are_refused(void **state)
{
	static const struct {
		const char *name;
		encoder *encode;
		struct hf_encode_how how;
		size_t spare_bytes; /* that may be missing from the end */
	} rows[] = {
		{ "jpeg", hf_encode_jpeg, { .quality = 80 }, 2 },
		{ "progressive",
		  hf_encode_jpeg,
		  { .quality = 80, .is_interlaced = true },
		  0 },
		{ "png", hf_encode_png, { .quality = 0 }, 20 },
		{ "interlaced", hf_encode_png, { .is_interlaced = true }, 20 },
		{ "webp", hf_encode_webp, { .quality = 80 }, 0 },
		{ "lossless", hf_encode_webp, { .is_lossless = true }, 0 },
	};
	struct table *table = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_why why = { "" };
		struct hf_buf buf;
		size_t step;

		hf_buf_init(&buf, FILE_MAX_BYTES);
		assert_ok(rows[i].encode(&table->canvas, &rows[i].how, &buf,
					 &why),
			  &why);
		/* Under torture it is about memory and not about lengths. */
		step = buf.len_bytes / (is_torture() ? 2 : 60) + 1;
		for (size_t len = 12; len + rows[i].spare_bytes < buf.len_bytes;
		     len += len < 700 && !is_torture() ? 13 : step) {
			enum hf_err err =
				decode(table, hf_span(buf.at, len), &why);

			if (err != HF_E_MALFORMED || why.text[0] == '\0')
				fail_msg("%s: %zu of %zu bytes: %s",
					 rows[i].name, len, buf.len_bytes,
					 hf_err_name(err));
		}
		hf_buf_release(&buf);
	}
}

/* Where a JPEG's sizes are: behind the marker of its frame. */
static uint8_t *jpeg_frame(struct hf_buf *buf)
{
	for (size_t i = 0; i + 9 < buf->len_bytes; i++)
		if (buf->at[i] == 0xff &&
		    (buf->at[i + 1] == 0xc0 || buf->at[i + 1] == 0xc2))
			return buf->at + i + 5;
	fail_msg("no frame");
	return NULL;
}

static void resize_jpeg(struct hf_buf *buf, uint16_t width, uint16_t height)
{
	uint8_t *frame = jpeg_frame(buf);

	hf_be16_put(frame, height);
	hf_be16_put(frame + 2, width);
}

/* The checksum of PNG chunks, ISO/IEC 15948 annex D. */
static uint32_t crc32_of(const uint8_t *at, size_t len_bytes)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len_bytes; i++) {
		crc ^= at[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static void resize_png(struct hf_buf *buf, uint32_t width, uint32_t height)
{
	hf_be32_put(buf->at + 16, width);
	hf_be32_put(buf->at + 20, height);
	hf_be32_put(buf->at + 29, crc32_of(buf->at + 12, 17));
}

/* 14 bits of width less one, 14 of height, behind the signature byte. */
static void resize_lossless_webp(struct hf_buf *buf, unsigned width,
				 unsigned height)
{
	uint32_t bits = (width - 1) | (height - 1) << 14;

	assert_int_equal(buf->at[20], 0x2f);
	for (int i = 0; i < 3; i++)
		buf->at[21 + i] = (uint8_t)(bits >> (8 * i));
	buf->at[24] = (uint8_t)((buf->at[24] & 0xf0) | (bits >> 24 & 0x0f));
}

static void images_too_large_are_refused_before_they_cost(void **state)
{
	const struct hf_encode_how plain = { .quality = 80 };
	const struct hf_encode_how progressive = { .quality = 80,
						   .is_interlaced = true };
	const struct hf_encode_how lossless = { .is_lossless = true };
	struct table *table = *state;
	struct hf_why why = { "" };
	struct hf_buf jpeg, passes, png, webp;

	hf_buf_init(&jpeg, FILE_MAX_BYTES);
	hf_buf_init(&passes, FILE_MAX_BYTES);
	hf_buf_init(&png, FILE_MAX_BYTES);
	hf_buf_init(&webp, FILE_MAX_BYTES);
	assert_ok(hf_encode_jpeg(&table->canvas, &plain, &jpeg, &why), &why);
	assert_ok(hf_encode_jpeg(&table->canvas, &progressive, &passes, &why),
		  &why);
	assert_ok(hf_encode_png(&table->canvas, &plain, &png, &why), &why);
	assert_ok(hf_encode_webp(&table->canvas, &lossless, &webp, &why), &why);

	resize_jpeg(&jpeg, 65500, 65500);
	assert_int_equal(decode(table, hf_buf_span(&jpeg), &why), HF_E_LIMIT);
	/* Few pixels, but a progressive JPEG keeps them all. */
	resize_jpeg(&passes, 16000, 12000);
	assert_int_equal(decode(table, hf_buf_span(&passes), &why), HF_E_LIMIT);
	resize_png(&png, 30000, 30000);
	assert_int_equal(decode(table, hf_buf_span(&png), &why), HF_E_LIMIT);
	resize_png(&png, 70000, 10);
	assert_int_equal(decode(table, hf_buf_span(&png), &why), HF_E_LIMIT);
	resize_png(&png, 0, 10);
	assert_int_equal(decode(table, hf_buf_span(&png), &why),
			 HF_E_MALFORMED);
	resize_lossless_webp(&webp, 16383, 16383);
	assert_int_equal(decode(table, hf_buf_span(&webp), &why), HF_E_LIMIT);

	hf_buf_release(&jpeg);
	hf_buf_release(&passes);
	hf_buf_release(&png);
	hf_buf_release(&webp);
}

static void a_jpeg_of_endless_passes_is_refused(void **state)
{
	const struct hf_encode_how how = { .quality = 60,
					   .is_interlaced = true };
	struct table *table = *state;
	struct hf_why why = { "" };
	struct hf_canvas tiny;
	struct hf_buf one, many;
	size_t scan = 0;

	hf_buf_init(&one, FILE_MAX_BYTES);
	hf_buf_init(&many, FILE_MAX_BYTES);
	assert_ok(hf_canvas_init(&tiny, 16, 16, &why), &why);
	assert_ok(hf_encode_jpeg(&tiny, &how, &one, &why), &why);
	/* The last pass again and again. */
	for (size_t i = 0; i + 1 < one.len_bytes; i++)
		if (one.at[i] == 0xff && one.at[i + 1] == 0xda)
			scan = i;
	hf_buf_put(&many, hf_span(one.at, scan));
	for (int i = 0; i < 3 * HF_MEDIA_JPEG_SCANS_MAX; i++)
		hf_buf_put(&many,
			   hf_span(one.at + scan, one.len_bytes - 2 - scan));
	hf_buf_put(&many, hf_span("\xff\xd9", 2));
	assert_ok(hf_buf_failed(&many), &why);
	assert_int_equal(decode(table, hf_buf_span(&many), &why), HF_E_LIMIT);
	hf_buf_release(&one);
	hf_buf_release(&many);
	hf_canvas_release(&tiny);
}

static void what_is_no_image_is_unsupported(void **state)
{
	struct table *table = *state;
	struct hf_why why = { "" };

	assert_int_equal(decode(table, BYTES("GIF89a.........."), &why),
			 HF_E_UNSUPPORTED);
	assert_int_equal(decode(table, BYTES(""), &why), HF_E_UNSUPPORTED);
	assert_int_equal(decode(table, BYTES("\xff\xd8\xff"), &why),
			 HF_E_MALFORMED);
	assert_int_equal(decode(table, BYTES("\x89PNG\r\n\x1a\n"), &why),
			 HF_E_MALFORMED);
	assert_int_equal(decode(table, BYTES("RIFF\x04\0\0\0WEBP"), &why),
			 HF_E_MALFORMED);
}

static void an_animation_hashes_as_its_first_frame_on_its_canvas(void **state)
{
	struct table *table = *state;
	struct hf_why why = { "" };
	struct hf_buf buf;

	hf_buf_init(&buf, FILE_MAX_BYTES);
	assert_ok(hf_file_read(HF_SOURCE_DIR
			       "/tests/fuzz/corpus/image/animated.webp",
			       &buf, &why),
		  &why);
	assert_ok(decode(table, hf_buf_span(&buf), &why), &why);
	hf_buf_release(&buf);
	assert_int_equal(table->picture.width, 40);
	assert_int_equal(table->picture.height, 30);
	/* The frame is 24 x 18 at 8, 4; around it there is nothing. */
	assert_true(table->picture.luma[3 * 40 + 20] == 0);
	assert_true(table->picture.luma[12 * 40 + 7] == 0);
	assert_true(table->picture.luma[12 * 40 + 20] > 0);
	assert_true(table->picture.luma[12 * 40 + 32] == 0);
}

static void open_a_file(void)
{
	(void)!open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void make_a_socket(void)
{
	(void)!socket(AF_INET, SOCK_STREAM, 0);
}

static void make_a_process(void)
{
	if (fork() == 0)
		_exit(0);
}

static void write_somewhere(void)
{
	(void)!write(STDERR_FILENO, "x", 1);
}

static void make_code(void)
{
	(void)!mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void map_a_file(void)
{
	(void)!mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
}

static void kill_the_parent(void)
{
	kill(getppid(), 0);
}

/* In a child of its own; how it ended. */
static int confined(void (*act)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		if (hf_confine_limits(HF_MEDIA_MEMORY_MAX_BYTES, NULL) !=
			    HF_OK ||
		    hf_confine_calls(HF_MEDIA_CPU_MAX_S, NULL) != HF_OK)
			_exit(1);
		act();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void use_memory(void)
{
	size_t size = HF_MEDIA_MEMORY_MAX_BYTES / 2;
	void *half = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *more = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	_exit(half != MAP_FAILED && more == MAP_FAILED ? 0 : 1);
}

static void a_decoder_can_do_nothing_but_decode(void **state)
{
	static const struct {
		const char *name;
		void (*act)(void);
	} rows[] = {
		{ "open", open_a_file },       { "socket", make_a_socket },
		{ "fork", make_a_process },    { "write", write_somewhere },
		{ "exec memory", make_code },  { "map a file", map_a_file },
		{ "signal", kill_the_parent },
	};
	int status;

	(void)state;
	if (!hf_confine_is_whole()) {
		print_message("skipped: built with a sanitizer\n");
		return;
	}
	for (size_t i = 0; i < ROWS(rows); i++) {
		status = confined(rows[i].act);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			fail_msg("%s: status %d", rows[i].name, status);
	}
	status = confined(use_memory);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_told_by_their_first_bytes),
		cmocka_unit_test(variants_of_a_picture_hash_alike),
		cmocka_unit_test(sides_of_any_length_are_no_trouble),
		cmocka_unit_test(truncated_images_are_refused),
		cmocka_unit_test(images_too_large_are_refused_before_they_cost),
		cmocka_unit_test(a_jpeg_of_endless_passes_is_refused),
		cmocka_unit_test(what_is_no_image_is_unsupported),
		cmocka_unit_test(
			an_animation_hashes_as_its_first_frame_on_its_canvas),
		cmocka_unit_test(a_decoder_can_do_nothing_but_decode),
	};

	return cmocka_run_group_tests(tests, set, clear);
}
