#include <string.h>

#include "scan_row.h"

/* Clocks of file systems are this coarse at worst. */
#define COARSE_S 2

#define NO_STAMP 0 /* no file has it */

static uint64_t mix(uint64_t mixed, uint64_t word)
{
	mixed = (mixed ^ word) * 0xff51afd7ed558ccdu;
	return mixed ^ mixed >> 29;
}

static uint32_t stamp_of(const struct stat *is)
{
	uint64_t mixed = mix(0x9e3779b97f4a7c15u, (uint64_t)is->st_size);

	mixed = mix(mixed, (uint64_t)is->st_mtim.tv_sec);
	mixed = mix(mixed, (uint64_t)is->st_mtim.tv_nsec);
	mixed = mix(mixed, (uint64_t)is->st_ino) >> 32;
	return mixed != NO_STAMP ? (uint32_t)mixed : 1;
}

uint32_t hf_scan_stamp_of(const struct stat *is, uint64_t now_s)
{
	uint64_t changed_s = (uint64_t)is->st_mtim.tv_sec;
	bool is_fresh =
		changed_s + COARSE_S >= now_s && changed_s <= now_s + COARSE_S;

	return is_fresh ? NO_STAMP : stamp_of(is);
}

bool hf_scan_row_holds(const struct hf_row *row, const struct stat *is,
		       enum hf_scan_depth depth)
{
	if (row->stamp != stamp_of(is))
		return false;
	if (row->quality == HF_ROW_NOT_TRIED)
		return depth == HF_SCAN_QUICK;
	return row->quality != HF_ROW_NO_VIDEO || depth != HF_SCAN_FULL;
}

static uint8_t quality_of(const struct hf_media_result *result,
			  enum hf_scan_depth depth)
{
	if (result->pdq_err == HF_OK)
		return (uint8_t)result->quality;
	if (depth == HF_SCAN_QUICK)
		return HF_ROW_NOT_TRIED;
	return depth == HF_SCAN_PICTURES && hf_media_kind_is_video(result->kind)
		       ? HF_ROW_NO_VIDEO
		       : HF_ROW_NO_PDQ;
}

struct hf_row hf_scan_row_of(const char *path,
			     const struct hf_media_result *result,
			     uint32_t stamp, enum hf_scan_depth depth,
			     uint8_t digests[static HF_ROW_ALL_BYTES])
{
	memcpy(digests + HF_ROW_MD5_AT, result->md5, sizeof(result->md5));
	memcpy(digests + HF_ROW_SHA1_AT, result->sha1, sizeof(result->sha1));
	memcpy(digests + HF_ROW_SHA256_AT, result->sha256,
	       sizeof(result->sha256));
	memcpy(digests + HF_ROW_PDQ_AT, result->pdq, sizeof(result->pdq));
	return (struct hf_row){
		.path = path,
		.quality = quality_of(result, depth),
		.stamp = stamp,
		.digests = digests,
		.frames = result->frames,
		.frames_count = (uint16_t)result->frames_count,
	};
}

void hf_scan_result_of(const struct hf_row *row, const char *path,
		       struct hf_media_result *out_result)
{
	*out_result = (struct hf_media_result){
		.path = path,
		.pdq_err = hf_row_has_pdq(row) ? HF_OK : HF_E_UNSUPPORTED,
		.quality = hf_row_has_pdq(row) ? row->quality : 0,
		.frames = row->frames,
		.frames_count = row->frames_count,
	};
	memcpy(out_result->md5, row->digests + HF_ROW_MD5_AT,
	       sizeof(out_result->md5));
	memcpy(out_result->sha1, row->digests + HF_ROW_SHA1_AT,
	       sizeof(out_result->sha1));
	memcpy(out_result->sha256, row->digests + HF_ROW_SHA256_AT,
	       sizeof(out_result->sha256));
	if (hf_row_has_pdq(row))
		memcpy(out_result->pdq, row->digests + HF_ROW_PDQ_AT,
		       sizeof(out_result->pdq));
}
