#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_impl.h"

/*
 * Behind its last page the file is kept a little longer than LMDB needs.  A
 * commit then only overwrites blocks that the file system has given and
 * initialised before.  Otherwise every sync has to wait until it has also
 * noted that the file has grown and where (measured: 0.14 of 0.3 ms on ext4
 * without a journal; with one it costs a commit of the journal as well).
 */
#define AHEAD_BYTES ((off_t)1 << 20)

/* In small steps: what is written here has to be synced as well. */
#define STEP_BYTES 131072

static off_t end_of(MDB_env *env)
{
	MDB_envinfo info;
	MDB_stat stat;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0)
		return 0;
	return (off_t)(info.me_last_pgno + 1) * (off_t)stat.ms_psize;
}

void hf_store_write_ahead(struct hf_store *store)
{
	static const uint8_t zeros[STEP_BYTES];
	struct stat st;
	off_t end;
	int fd;

	pthread_mutex_lock(&store->writing);
	if (store->env == NULL || mdb_env_get_fd(store->env, &fd) != 0 ||
	    fstat(fd, &st) != 0)
		goto out_unlock;
	end = end_of(store->env);
	/* Only behind the end of the file: what is before it is LMDB's.  On a
	 * full disk it gets shorter, or does not happen.  The disk is to begin
	 * now, and not with the next commit. */
	if (end > 0 && st.st_size < end + AHEAD_BYTES &&
	    pwrite(fd, zeros, sizeof(zeros), st.st_size) > 0)
		(void)sync_file_range(fd, st.st_size, (off_t)sizeof(zeros),
				      SYNC_FILE_RANGE_WRITE);
out_unlock:
	pthread_mutex_unlock(&store->writing);
}
