/*
 * ledger_steps.h -- what the tests of the ledger do over and over, asserting
 * that it goes well.
 */
#ifndef HF_LEDGER_STEPS_H
#define HF_LEDGER_STEPS_H

#include "ledger_rig.h"

#define ORIGIN "hotline.example/ncii/1"

/* Setup does not fail: a test that cannot begin fails by itself. */
static inline int up(void **state)
{
	struct rig *rig = test_calloc(1, sizeof(*rig));

	*state = rig;
	rig_init(rig, 1);
	return 0;
}

static inline int down(void **state)
{
	struct rig *rig = *state;

	rig_release(rig);
	test_free(rig);
	return 0;
}

static inline uint32_t own_set(struct rig *rig)
{
	struct hf_why why = { "" };
	uint32_t set = 0;

	if (rig->ledger == NULL)
		assert_ok(rig_reopen(rig, &why), &why);
	assert_ok(hf_ledger_create(rig->ledger, HF_LEDGER_OWN, BYTES(ORIGIN),
				   &set, &why),
		  &why);
	return set;
}

static inline void append(struct rig *rig, uint32_t set,
			  struct hf_ledger_draft draft, uint64_t want_index)
{
	struct hf_ledger_receipt receipt = { 0 };
	struct hf_why why = { "" };

	assert_ok(rig_append_one(rig, set, draft, &receipt, &why), &why);
	assert_int_equal(receipt.first, want_index);
	assert_int_equal(receipt.count, 1);
	assert_true(receipt.size > want_index);
}

static inline struct hf_ledger_info info_of(struct rig *rig, uint32_t set)
{
	struct hf_ledger_info info;
	struct hf_why why = { "" };

	assert_ok(rig_info(rig, set, &info, &why), &why);
	return info;
}

/* That everything adds up, and how many entries there are. */
static inline void verify(struct rig *rig, uint32_t set, uint64_t entries)
{
	struct hf_ledger_check check;
	struct hf_why why = { "" };

	assert_ok(hf_ledger_verify(rig->ledger, set, NULL, &check, &why), &why);
	assert_int_equal(check.entries, entries);
}

/* A follower that remembers how far it was told to read. */
struct woken {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t size;
	size_t count;
};

static inline void on_wake(void *arg, uint32_t set, uint64_t size)
{
	struct woken *woken = arg;

	pthread_mutex_lock(&woken->lock);
	woken->size = size;
	woken->count++;
	pthread_cond_signal(&woken->changed);
	pthread_mutex_unlock(&woken->lock);
}

static inline void woken_wait(struct woken *woken, uint64_t size)
{
	pthread_mutex_lock(&woken->lock);
	while (woken->size < size)
		pthread_cond_wait(&woken->changed, &woken->lock);
	pthread_mutex_unlock(&woken->lock);
}

static inline uint64_t woken_size(struct woken *woken)
{
	uint64_t size;

	pthread_mutex_lock(&woken->lock);
	size = woken->size;
	pthread_mutex_unlock(&woken->lock);
	return size;
}

/* Payloads that were erased, and whose bytes may still be in the file. */
static inline uint64_t erasing(struct rig *rig)
{
	struct hf_ledger_view *view;
	struct hf_why why = { "" };
	uint64_t count, since_ms;

	assert_ok(hf_ledger_view_begin(rig->ledger, &view, &why), &why);
	assert_ok(hf_ledger_erasing(view, &count, &since_ms, &why), &why);
	hf_ledger_view_end(view);
	assert_int_equal(count > 0, since_ms > 0);
	return count;
}

#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

#endif /* HF_LEDGER_STEPS_H */
