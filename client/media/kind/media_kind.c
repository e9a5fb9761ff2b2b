#include <stddef.h>

#include "media_kind.h"

static const struct kind {
	const char *word;
	bool is_image;
	bool has_pdq;
} kinds[HF_MEDIA_KIND_COUNT] = {
#define ROW(name, word, image, pdq) { word, image, pdq },
	HF_MEDIA_KIND_TABLE(ROW)
#undef ROW
};

/* The first row whose bytes are there wins. */
static const struct sign {
	enum hf_media_kind kind;
	struct {
		size_t at;
		const char *bytes;
		size_t len_bytes;
	} parts[2];
} signs[] = {
#define AT(at, text)                                                           \
	{                                                                      \
		at, text, sizeof(text) - 1                                     \
	}
	/* clang-format off */
	{ HF_MEDIA_JPEG,     { AT(0, "\xff\xd8\xff") } },
	{ HF_MEDIA_PNG,      { AT(0, "\x89PNG\r\n\x1a\n") } },
	{ HF_MEDIA_WEBP,     { AT(0, "RIFF"), AT(8, "WEBP") } },
	{ HF_MEDIA_AVI,      { AT(0, "RIFF"), AT(8, "AVI ") } },
	{ HF_MEDIA_GIF,      { AT(0, "GIF87a") } },
	{ HF_MEDIA_GIF,      { AT(0, "GIF89a") } },
	{ HF_MEDIA_TIFF,     { AT(0, "II*\0") } },
	{ HF_MEDIA_TIFF,     { AT(0, "MM\0*") } },
	{ HF_MEDIA_AVIF,     { AT(4, "ftypavif") } },
	{ HF_MEDIA_AVIF,     { AT(4, "ftypavis") } },
	{ HF_MEDIA_HEIF,     { AT(4, "ftyphei") } },
	{ HF_MEDIA_HEIF,     { AT(4, "ftyphev") } },
	{ HF_MEDIA_HEIF,     { AT(4, "ftypmif1") } },
	{ HF_MEDIA_HEIF,     { AT(4, "ftypmsf1") } },
	{ HF_MEDIA_MP4,      { AT(4, "ftyp") } },
	{ HF_MEDIA_MATROSKA, { AT(0, "\x1a\x45\xdf\xa3") } },
	/* Two letters are little: the reserved fields must be zero, too. */
	{ HF_MEDIA_BMP,      { AT(0, "BM"), AT(6, "\0\0\0\0") } },
/* clang-format on */
#undef AT
};

static bool has(struct hf_span bytes, const struct sign *sign)
{
	for (size_t i = 0; i < 2; i++) {
		size_t at = sign->parts[i].at;
		size_t len_bytes = sign->parts[i].len_bytes;

		if (bytes.len_bytes < at + len_bytes)
			return false;
		if (len_bytes > 0 &&
		    memcmp(bytes.at + at, sign->parts[i].bytes, len_bytes) != 0)
			return false;
	}
	return true;
}

enum hf_media_kind hf_media_kind(struct hf_span first_bytes)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (has(first_bytes, &signs[i]))
			return signs[i].kind;
	return HF_MEDIA_OTHER;
}

const char *hf_media_kind_word(enum hf_media_kind kind)
{
	return kind < HF_MEDIA_KIND_COUNT ? kinds[kind].word : "other";
}

bool hf_media_kind_is_image(enum hf_media_kind kind)
{
	return kind < HF_MEDIA_KIND_COUNT && kinds[kind].is_image;
}

bool hf_media_kind_is_video(enum hf_media_kind kind)
{
	return kind == HF_MEDIA_MP4 || kind == HF_MEDIA_MATROSKA ||
	       kind == HF_MEDIA_AVI;
}

bool hf_media_kind_has_pdq(enum hf_media_kind kind)
{
	return kind < HF_MEDIA_KIND_COUNT && kinds[kind].has_pdq;
}
