#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "clock.h"
#include "log.h"
#include "peers.h"
#include "ring.h"

#include "errand.h"
#include "node.h"
#include "vouch.h"

#define ASK_GAP_US ((uint64_t)1000000)

/* Peers that said they hold nothing of a set, a bit each. */
struct none {
	struct none *next;
	uint32_t peers;
	char origin[];
};

struct hf_vouching {
	struct hf_node *node; /* borrowed */
	struct none *nones;   /* owned; the errands' thread alone */
	pthread_mutex_t lock; /* guards the rest */
	bool is_started;
	uint64_t asked_us;
};

/* One answer, or (peer == NULL) the sets that nobody is asked about. */
struct told {
	struct hf_errand errand;
	struct hf_vouching *vouching; /* borrowed */
	uint32_t peer;                /* its bit; 0: none */
	char origin[HF_ORIGIN_MAX_BYTES + 1];
	struct hf_span note; /* in bytes */
	uint8_t bytes[];
};

enum hf_err hf_vouching_new(struct hf_node *node,
			    struct hf_vouching **out_vouching,
			    struct hf_why *why)
{
	struct hf_vouching *vouching = calloc(1, sizeof(*vouching));

	if (vouching == NULL)
		return hf_why(why, HF_E_NOMEM, "vouching: no memory");
	vouching->node = node;
	pthread_mutex_init(&vouching->lock, NULL);
	*out_vouching = vouching;
	return HF_OK;
}

void hf_vouching_free(struct hf_vouching *vouching)
{
	if (vouching == NULL)
		return;
	while (vouching->nones != NULL) {
		struct none *none = vouching->nones;

		vouching->nones = none->next;
		free(none);
	}
	pthread_mutex_destroy(&vouching->lock);
	free(vouching);
}

/* The bit of a peer; 0 when it is not one of those asked. */
uint32_t hf_vouch_bit(const struct hf_vouching *vouching, const char *peer)
{
	const struct hf_conf *conf = vouching->node->conf;

	for (size_t i = 0; i < conf->checkpoint_peers.count; i++) {
		if (strcmp(conf->checkpoint_peers.at[i], peer) == 0)
			return (uint32_t)1 << i;
	}
	return 0;
}

bool hf_vouch_is_asked(const struct hf_vouching *vouching, const char *peer)
{
	return hf_vouch_bit(vouching, peer) != 0;
}

static const char *name_of(const struct hf_vouching *vouching, uint32_t bit)
{
	const struct hf_conf *conf = vouching->node->conf;

	for (size_t i = 0; i < conf->checkpoint_peers.count; i++) {
		if (bit == (uint32_t)1 << i)
			return conf->checkpoint_peers.at[i];
	}
	return "";
}

/* Those who are asked and may have the set. */
static uint32_t entitled(const struct hf_vouching *vouching,
			 const struct hf_ring *ring, const char *origin)
{
	const struct hf_conf *conf = vouching->node->conf;
	uint64_t now_ms = hf_clock_wall_ms();
	uint32_t all = 0;

	for (size_t i = 0; i < conf->checkpoint_peers.count; i++) {
		const struct hf_organisation *peer = hf_ring_by_name(
			ring, hf_span_of(conf->checkpoint_peers.at[i]));

		if (peer != NULL && !peer->is_self &&
		    hf_ring_may_have(ring, hf_span_of(origin), peer->id,
				     now_ms) > HF_RIGHT_NONE)
			all |= (uint32_t)1 << i;
	}
	return all;
}

uint32_t hf_vouch_entitled(const struct hf_vouching *vouching,
			   const char *origin)
{
	struct hf_ring *ring = hf_ring_holder_get(vouching->node->ring);
	uint32_t all = entitled(vouching, ring, origin);

	hf_ring_release(ring);
	return all;
}

/* --- on the errands' thread ------------------------------------------------
 */

static void vouch(struct hf_vouching *vouching, const char *origin,
		  bool is_by_peer)
{
	struct hf_why why = { "" };
	enum hf_err err = hf_agent_vouch(vouching->node->agent,
					 hf_span_of(origin), is_by_peer, &why);

	if (err != HF_OK)
		hf_log(HF_LOG_WARNING, "hashfedd", "not vouched for",
		       "set=%s err=%s why=\"%s\"", origin, hf_err_name(err),
		       why.text);
}

/* The row of an origin, made where there is none; NULL without memory. */
static struct none *none_of(struct hf_vouching *vouching, const char *origin)
{
	struct none *none = vouching->nones;
	size_t size = strlen(origin) + 1;

	while (none != NULL && strcmp(none->origin, origin) != 0)
		none = none->next;
	if (none != NULL)
		return none;
	none = calloc(1, sizeof(*none) + size);
	if (none == NULL)
		return NULL;
	memcpy(none->origin, origin, size);
	none->next = vouching->nones;
	vouching->nones = none;
	return none;
}

/* One that holds nothing has not reported; all of them have. */
static void take_none(struct hf_vouching *vouching, const struct told *told)
{
	struct hf_ring *ring = hf_ring_holder_get(vouching->node->ring);
	struct none *none = none_of(vouching, told->origin);
	uint32_t all = entitled(vouching, ring, told->origin);

	hf_ring_release(ring);
	if (none == NULL)
		return;
	none->peers |= told->peer;
	if ((all & ~none->peers) == 0)
		vouch(vouching, told->origin, false);
}

static void take_note(struct hf_vouching *vouching, const struct told *told)
{
	struct hf_why why = { "" };
	enum hf_err err =
		hf_agent_report(vouching->node->agent, told->note, &why);

	if (err == HF_OK)
		vouch(vouching, told->origin, true);
	else
		hf_log(HF_LOG_ERROR, "hashfedd", "report of a peer refused",
		       "set=%s peer=%s err=%s why=\"%s\"", told->origin,
		       name_of(vouching, told->peer), hf_err_name(err),
		       why.text);
}

static void on_told(struct hf_errand *errand)
{
	struct told *told = (struct told *)errand;

	if (told->note.len_bytes > 0)
		take_note(told->vouching, told);
	else
		take_none(told->vouching, told);
	free(told);
}

/* Sets that nobody can report. */
static void on_alone(struct hf_errand *errand)
{
	struct told *told = (struct told *)errand;
	struct hf_vouching *vouching = told->vouching;
	struct hf_ring *ring = hf_ring_holder_get(vouching->node->ring);
	const struct hf_ring_set *sets;
	size_t count = hf_ring_sets(ring, &sets);

	for (size_t i = 0; i < count; i++) {
		if (sets[i].is_own &&
		    entitled(vouching, ring, sets[i].origin) == 0)
			vouch(vouching, sets[i].origin, false);
	}
	hf_ring_release(ring);
	free(told);
}

/* --- on any ----------------------------------------------------------------
 */

/* Takes told. */
static void post(struct hf_vouching *vouching, struct told *told,
		 void (*run)(struct hf_errand *errand))
{
	told->vouching = vouching;
	told->errand.run = run;
	hf_errand_post(vouching->node->errands, &told->errand);
}

void hf_vouch_told(struct hf_vouching *vouching, const char *peer,
		   const char *origin, struct hf_span note)
{
	struct told *told = calloc(1, sizeof(*told) + note.len_bytes);

	if (told == NULL)
		return;
	told->peer = hf_vouch_bit(vouching, peer);
	strcpy(told->origin, origin);
	if (note.len_bytes > 0)
		memcpy(told->bytes, note.at, note.len_bytes);
	told->note = hf_span(told->bytes, note.len_bytes);
	pthread_mutex_lock(&vouching->lock);
	if (vouching->is_started)
		post(vouching, told, on_told);
	else
		free(told);
	pthread_mutex_unlock(&vouching->lock);
}

static void ask(struct hf_vouching *vouching)
{
	struct told *told = calloc(1, sizeof(*told));

	if (told == NULL)
		return;
	post(vouching, told, on_alone);
	hf_peers_ask_own(vouching->node->peers);
}

void hf_vouch_ask(struct hf_vouching *vouching)
{
	uint64_t now_us = hf_clock_mono_us();

	pthread_mutex_lock(&vouching->lock);
	if (vouching->is_started && now_us - vouching->asked_us >= ASK_GAP_US) {
		vouching->asked_us = now_us;
		ask(vouching);
	}
	pthread_mutex_unlock(&vouching->lock);
}

void hf_vouching_start(struct hf_vouching *vouching)
{
	pthread_mutex_lock(&vouching->lock);
	vouching->is_started = true;
	pthread_mutex_unlock(&vouching->lock);
	hf_vouch_ask(vouching);
}

void hf_vouching_stop(struct hf_vouching *vouching)
{
	if (vouching == NULL)
		return;
	pthread_mutex_lock(&vouching->lock);
	vouching->is_started = false;
	pthread_mutex_unlock(&vouching->lock);
}
