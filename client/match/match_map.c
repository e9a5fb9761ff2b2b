#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "match_map.h"

static enum hf_err path_of(char *out_path, size_t size_bytes, const char *dir,
			   const char *kind, uint64_t number,
			   struct hf_why *why)
{
	int used = snprintf(out_path, size_bytes, "%s/%s-%08" PRIx64, dir, kind,
			    number);

	if (used < 0 || (size_t)used >= size_bytes)
		return hf_why(why, HF_E_LIMIT, "'%s' is too long a path", dir);
	return HF_OK;
}

static enum hf_err map_fd(int fd, bool is_writer, size_t len_bytes,
			  const char *name, struct hf_match_map *out_map,
			  struct hf_why *why)
{
	int protection = is_writer ? PROT_READ | PROT_WRITE : PROT_READ;
	void *at = mmap(NULL, len_bytes, protection, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return hf_why_errno(why, "map '%s'", name);
	*out_map = (struct hf_match_map){ .at = at, .len_bytes = len_bytes };
	return HF_OK;
}

static void put_header(struct hf_match_map *map, const char magic[8])
{
	struct hf_match_map_header header = {
		.version = HF_MATCH_MAP_VERSION,
		.order = HF_MATCH_MAP_ORDER,
		.file_bytes = map->len_bytes,
	};

	memcpy(header.magic, magic, sizeof(header.magic));
	memcpy(map->at, &header, sizeof(header));
}

static enum hf_err map_private(const char magic[8], size_t len_bytes,
			       struct hf_match_map *out_map, struct hf_why *why)
{
	void *at = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return hf_why_errno(why, "index: memory instead of a file");
	*out_map = (struct hf_match_map){ .at = at,
					  .len_bytes = len_bytes,
					  .is_private = true };
	put_header(out_map, magic);
	return HF_OK;
}

enum hf_err hf_match_map_fill(int fd, const char magic[8], size_t len_bytes,
			      const char *name, struct hf_match_map *out_map,
			      struct hf_why *why)
{
	enum hf_err err;

	errno = posix_fallocate(fd, 0, (off_t)len_bytes);
	if (errno != 0)
		return hf_why_errno(why, "make room for '%s'", name);
	err = map_fd(fd, true, len_bytes, name, out_map, why);
	if (err == HF_OK)
		put_header(out_map, magic);
	return err;
}

enum hf_err hf_match_map_create(const char *dir, const char *kind,
				uint64_t number, const char magic[8],
				size_t len_bytes, struct hf_match_map *out_map,
				struct hf_why *why)
{
	char path[4096];
	enum hf_err err;
	int fd;

	if (dir == NULL)
		return map_private(magic, len_bytes, out_map, why);
	err = path_of(path, sizeof(path), dir, kind, number, why);
	if (err != HF_OK)
		return err;
	/* Whoever has an old file of this name mapped keeps it as it is. */
	if (unlink(path) != 0 && errno != ENOENT)
		return hf_why_errno(why, "remove '%s'", path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (fd < 0)
		return hf_why_errno(why, "create '%s'", path);
	err = hf_match_map_fill(fd, magic, len_bytes, path, out_map, why);
	close(fd);
	if (err != HF_OK)
		unlink(path);
	return err;
}

static enum hf_err check(const struct hf_match_map *map, const char magic[8],
			 const char *name, struct hf_why *why)
{
	struct hf_match_map_header header;

	memcpy(&header, map->at, sizeof(header));
	if (memcmp(header.magic, magic, sizeof(header.magic)) != 0 ||
	    header.file_bytes != map->len_bytes)
		return hf_why(why, HF_E_CORRUPT,
			      "index file '%s' is damaged: it does not begin "
			      "as it should, or has another size",
			      name);
	if (header.version != HF_MATCH_MAP_VERSION ||
	    header.order != HF_MATCH_MAP_ORDER)
		return hf_why(why, HF_E_UNSUPPORTED,
			      "index file '%s' is of version %" PRIu32
			      " or of another kind of machine",
			      name, header.version);
	return HF_OK;
}

enum hf_err hf_match_map_fd(int fd, bool is_writer, const char magic[8],
			    size_t least_bytes, const char *name,
			    struct hf_match_map *out_map, struct hf_why *why)
{
	struct hf_match_map map;
	struct stat about;
	enum hf_err err;

	if (fstat(fd, &about) != 0)
		return hf_why_errno(why, "look at '%s'", name);
	if (!S_ISREG(about.st_mode) || (uint64_t)about.st_size < least_bytes)
		return hf_why(why, HF_E_CORRUPT,
			      "index file '%s' is damaged: it is too short",
			      name);
	err = map_fd(fd, is_writer, (size_t)about.st_size, name, &map, why);
	if (err != HF_OK)
		return err;
	err = check(&map, magic, name, why);
	if (err != HF_OK) {
		hf_match_map_release(&map);
		return err;
	}
	*out_map = map;
	return HF_OK;
}

enum hf_err hf_match_map_open(const char *dir, const char *kind,
			      uint64_t number, const char magic[8],
			      size_t least_bytes, struct hf_match_map *out_map,
			      struct hf_why *why)
{
	char path[4096];
	enum hf_err err = path_of(path, sizeof(path), dir, kind, number, why);
	int fd;

	if (err != HF_OK)
		return err;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return hf_why_errno(why, "open '%s'", path);
	err = hf_match_map_fd(fd, false, magic, least_bytes, path, out_map,
			      why);
	close(fd);
	return err;
}

void hf_match_map_release(struct hf_match_map *map)
{
	if (map->at != NULL)
		munmap(map->at, map->len_bytes);
	*map = (struct hf_match_map){ 0 };
}

void hf_match_map_remove(const char *dir, const char *kind, uint64_t number)
{
	char path[4096];

	if (path_of(path, sizeof(path), dir, kind, number, NULL) == HF_OK)
		unlink(path);
}
