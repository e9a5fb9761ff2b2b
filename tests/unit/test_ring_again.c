#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "ring_fixture.h"
#include "verified.h"

/* One who reads the ring again. */
struct reader {
	struct hf_ring_holder *holder;
	atomic_bool is_over;
	enum hf_err err;
	pthread_t thread;
};

static void *reload(void *arg)
{
	struct reader *reader = arg;

	reader->err = hf_ring_holder_reload(reader->holder, NULL);
	atomic_store(&reader->is_over, true);
	return NULL;
}

static void reader_start(struct reader *reader, struct hf_ring_holder *holder)
{
	reader->holder = holder;
	assert_int_equal(pthread_create(&reader->thread, NULL, reload, reader),
			 0);
}

/* The first reads a pipe in the place of an agreement, so it has seen what is
 * followed and waits.  Before it goes on, a change is made and read by the
 * second: it has to be in force after both. */
static void a_reload_never_puts_an_older_ring_in_force(void **state)
{
	static struct reader first, second;
	struct hf_span origin = BYTES("partner.example/ncii/1");
	struct hf_ring_holder *holder;
	struct hf_why why = { "" };
	char path[160];
	struct hf_ring *ring;
	struct timespec soon;
	enum hf_err err;
	bool is_there;
	int end = -1;

	assert_ok(hf_ring_holder_new(dir, &holder, &why), &why);
	snprintf(path, sizeof(path), "%s/agreements/z.agreement", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader_start(&first, holder);
	while (end < 0 && !atomic_load(&first.is_over)) {
		end = open(path, O_WRONLY | O_NONBLOCK);
		sched_yield();
	}
	unlink(path);
	err = hf_ring_follow(dir, origin, &why);
	reader_start(&second, holder);
	/* It may wait for the first one; if it does not, let it be done. */
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 1;
	is_there = pthread_timedjoin_np(second.thread, NULL, &soon) == 0;
	if (end >= 0)
		close(end);
	pthread_join(first.thread, NULL);
	if (!is_there)
		pthread_join(second.thread, NULL);
	ring = hf_ring_holder_get(holder);
	is_there = hf_ring_is_followed(ring, origin);
	hf_ring_release(ring);
	hf_ring_holder_free(holder);
	assert_ok(err, &why);
	assert_int_equal(first.err, HF_OK);
	assert_int_equal(second.err, HF_OK);
	assert_true(is_there);
}

static void what_verified_once_is_not_computed_again(void **state)
{
	struct hf_why why = { "" };
	struct hf_ring *ring;
	uint64_t before;

	assert_ok(enrol(&partner, &why), &why);
	hf_ring_release(loaded());
	before = hf_verified_computed_count();
	ring = loaded();
	assert_non_null(hf_ring_by_name(ring, BYTES("partner.example")));
	hf_ring_release(ring);
	assert_int_equal(hf_verified_computed_count(), before);
}

static void only_the_very_same_signature_is_known(void **state)
{
	struct hf_secret *one = secret_of(91), *other = secret_of(92);
	struct hf_public_key key, other_key;
	uint8_t good[HF_SIGNATURE_BYTES], bad[HF_SIGNATURE_BYTES];
	enum hf_err errs[5];
	uint64_t before;

	assert_non_null(one);
	assert_non_null(other);
	key = *hf_secret_public(one);
	other_key = *hf_secret_public(other);
	hf_sign(one, BYTES("text"), good);
	memcpy(bad, good, sizeof(bad));
	bad[40] ^= 1;
	hf_secret_free(one);
	hf_secret_free(other);

	errs[0] = hf_verified_check(&key, BYTES("text"), good);
	before = hf_verified_computed_count();
	errs[1] = hf_verified_check(&key, BYTES("text"), good);
	assert_int_equal(hf_verified_computed_count(), before);
	errs[2] = hf_verified_check(&key, BYTES("text"), bad);
	errs[3] = hf_verified_check(&key, BYTES("test"), good);
	errs[4] = hf_verified_check(&other_key, BYTES("text"), good);
	assert_int_equal(errs[0], HF_OK);
	assert_int_equal(errs[1], HF_OK);
	for (int i = 2; i < 5; i++)
		assert_int_equal(errs[i], HF_E_SIGNATURE);
	/* What is wrong is not remembered: it is computed each time. */
	assert_int_equal(hf_verified_check(&key, BYTES("text"), bad),
			 HF_E_SIGNATURE);
	assert_int_equal(hf_verified_computed_count(), before + 4);
	/* A key is one thing, what it signed another. */
	assert_int_equal(hf_verified_key(&key), HF_OK);
	assert_int_equal(hf_verified_computed_count(), before + 5);
	assert_int_equal(hf_verified_key(&key), HF_OK);
	assert_int_equal(hf_verified_computed_count(), before + 5);
	memset(&key, 0, sizeof(key));
	for (int i = 0; i < 2; i++)
		assert_int_equal(hf_verified_key(&key), HF_E_ARGUMENT);
	assert_int_equal(hf_verified_computed_count(), before + 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RING(a_reload_never_puts_an_older_ring_in_force),
		WITH_A_RING(what_verified_once_is_not_computed_again),
		WITH_A_RING(only_the_very_same_signature_is_known),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
