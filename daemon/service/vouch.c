#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "clock.h"
#include "ledger_view.h"
#include "log.h"
#include "note.h"
#include "peers.h"
#include "ring.h"

#include "cosigned.h"
#include "errand.h"
#include "node.h"
#include "vouch.h"

#define ASK_GAP_US ((uint64_t)1000000)

/* Between questions about what is fetched back, at most. */
#define SELDOM_MOST_US ((uint64_t)60000000)

/* Peers that answered about a set, a bit each. */
struct heard {
	struct heard *next;
	uint32_t none;    /* they hold nothing of it */
	uint32_t peers;   /* all who answered */
	uint32_t awaited; /* said to be, in the log */
	bool is_old;      /* one of them holds more of a set of ours than we */
	bool is_vouched;  /* the signer waits no longer */
	char origin[];
};

struct hf_vouching {
	struct hf_node *node; /* borrowed */
	struct heard *heard;  /* owned; the errands' thread alone */
	pthread_mutex_t lock; /* guards the rest */
	bool is_started;
	uint64_t asked_us;
	uint64_t seldom_us; /* not before this again */
	uint64_t seldom_gap_us;
};

/* One answer, or another thing to do about one set or all. */
struct told {
	struct hf_errand errand;
	struct hf_vouching *vouching; /* borrowed */
	uint32_t peer;                /* its bit; 0: not one to ask */
	char from[HF_DOMAIN_MAX_BYTES + 1];
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
	while (vouching->heard != NULL) {
		struct heard *heard = vouching->heard;

		vouching->heard = heard->next;
		free(heard);
	}
	pthread_mutex_destroy(&vouching->lock);
	free(vouching);
}

/* The bit of a peer; 0 when it is not one of those asked. */
static uint32_t bit_of(const struct hf_vouching *vouching, const char *peer)
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
	return bit_of(vouching, peer) != 0;
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

static uint32_t entitled_to(const struct hf_vouching *vouching,
			    const char *origin)
{
	struct hf_ring *ring = hf_ring_holder_get(vouching->node->ring);
	uint32_t all = entitled(vouching, ring, origin);

	hf_ring_release(ring);
	return all;
}

/* Those of them that cannot be asked now. */
static uint32_t away(const struct hf_vouching *vouching, uint32_t all)
{
	const struct hf_node *node = vouching->node;
	uint32_t bits = 0;

	for (size_t i = 0; i < node->conf->checkpoint_peers.count; i++) {
		uint32_t bit = (uint32_t)1 << i;

		if ((all & bit) != 0 &&
		    hf_peers_is_away(node->peers,
				     node->conf->checkpoint_peers.at[i]))
			bits |= bit;
	}
	return bits;
}

/* --- on the errands' thread ------------------------------------------------
 */

static bool vouch(struct hf_vouching *vouching, const char *origin,
		  bool is_by_peer)
{
	struct hf_why why = { "" };
	enum hf_err err = hf_agent_vouch(vouching->node->agent,
					 hf_span_of(origin), is_by_peer, &why);

	if (err != HF_OK)
		hf_log(HF_LOG_WARNING, "hashfedd", "not vouched for",
		       "set=%s err=%s why=\"%s\"", origin, hf_err_name(err),
		       why.text);
	return err == HF_OK;
}

/* The row of an origin, made where there is none; NULL without memory. */
static struct heard *heard_of(struct hf_vouching *vouching, const char *origin)
{
	struct heard *heard = vouching->heard;
	size_t size = strlen(origin) + 1;

	while (heard != NULL && strcmp(heard->origin, origin) != 0)
		heard = heard->next;
	if (heard != NULL)
		return heard;
	heard = calloc(1, sizeof(*heard) + size);
	if (heard == NULL)
		return NULL;
	memcpy(heard->origin, origin, size);
	heard->next = vouching->heard;
	vouching->heard = heard;
	return heard;
}

/* Is it one that we hold less of than that?  Signed or not. */
static bool is_more(struct hf_vouching *vouching, const char *origin,
		    uint64_t told)
{
	struct hf_ledger_info info;
	struct hf_ledger_view *view;
	uint64_t size = 0;
	uint32_t set;

	if (hf_ledger_view_begin(vouching->node->ledger, &view, NULL) != HF_OK)
		return told > 0;
	if (hf_ledger_find(view, hf_span_of(origin), &set, NULL) == HF_OK &&
	    hf_ledger_info(view, set, &info, NULL) == HF_OK)
		size = info.size + info.unsigned_count;
	hf_ledger_view_end(view);
	return told > size;
}

static bool is_of_others(struct hf_vouching *vouching, const char *origin)
{
	struct hf_ring *ring = hf_ring_holder_get(vouching->node->ring);
	const struct hf_ring_set *set = hf_ring_set(ring, hf_span_of(origin));
	bool is = set != NULL && !set->is_own;

	hf_ring_release(ring);
	return is;
}

/* Why the signer still waits, though somebody answered. */
static void say_awaited(const struct hf_vouching *vouching, struct heard *heard,
			uint32_t awaited)
{
	const struct hf_conf *conf = vouching->node->conf;
	struct hf_buf names;

	if (awaited == heard->awaited)
		return;
	heard->awaited = awaited;
	hf_buf_init(&names, HF_MESSAGE_MAX_BYTES);
	for (size_t i = 0; i < conf->checkpoint_peers.count; i++) {
		if ((awaited & (uint32_t)1 << i) != 0)
			hf_buf_printf(&names, "%s%s",
				      names.len_bytes > 0 ? "," : "",
				      conf->checkpoint_peers.at[i]);
	}
	hf_log(HF_LOG_INFO, "hashfedd", "signer waits for peers",
	       "set=%s peers=%.*s", heard->origin,
	       HF_SPAN_ARGS(hf_buf_span(&names)));
	hf_buf_release(&names);
}

/* Whether enough was heard to sign again.  The first who answers may hold less
 * than the next: all that are there are heard.  Who once found out that this
 * store is an old copy hears the others too, for one of them may know still
 * more.  One that holds nothing has not reported; all of them have. */
static void consider(struct hf_vouching *vouching, struct heard *heard)
{
	uint32_t all = entitled_to(vouching, heard->origin);
	bool has_report = (heard->peers & ~heard->none) != 0;
	uint32_t awaited = all & ~(has_report ? heard->peers : heard->none);

	if (heard->is_vouched)
		return;
	if (has_report && !heard->is_old)
		awaited &= ~away(vouching, awaited);
	if (awaited != 0) {
		if (has_report)
			say_awaited(vouching, heard, awaited);
		return;
	}
	heard->is_vouched = vouch(vouching, heard->origin, has_report);
	if (heard->is_vouched)
		hf_cosigned_vouched(vouching->node->cosigned, heard->origin);
}

static void take_none(struct hf_vouching *vouching, const struct told *told)
{
	struct heard *heard = heard_of(vouching, told->origin);

	if (heard == NULL)
		return;
	heard->none |= told->peer;
	heard->peers |= told->peer;
	consider(vouching, heard);
}

static void take_note(struct hf_vouching *vouching, const struct told *told)
{
	struct heard *heard = heard_of(vouching, told->origin);
	bool is_others = is_of_others(vouching, told->origin);
	struct hf_why why = { "" };
	struct hf_note note;
	enum hf_err err =
		hf_agent_report(vouching->node->agent, told->note, &why);

	/* Its holder knows of nothing that we cosigned since. */
	if (err == HF_E_SIGNATURE && is_others)
		err = HF_OK;
	if (err != HF_OK) {
		hf_log(HF_LOG_ERROR, "hashfedd", "report of a peer refused",
		       "set=%s peer=%s err=%s why=\"%s\"", told->origin,
		       told->from, hf_err_name(err), why.text);
		return;
	}
	if (heard == NULL || hf_note_parse(told->note, &note, NULL) != HF_OK)
		return;
	heard->is_old |= !is_others &&
			 is_more(vouching, told->origin, note.checkpoint.size);
	/* Others' word is good for knowing more, not for going on. */
	if (told->peer == 0)
		return;
	heard->none &= ~told->peer;
	heard->peers |= told->peer;
	consider(vouching, heard);
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

/* The signer waits again: what was heard before is of another time. */
static void hear_anew(struct heard *heard)
{
	heard->peers = heard->none = heard->awaited = 0;
	heard->is_old = heard->is_vouched = false;
}

static void on_waits(struct hf_errand *errand)
{
	struct told *told = (struct told *)errand;
	struct heard *heard = heard_of(told->vouching, told->origin);

	if (heard != NULL) {
		hear_anew(heard);
		/* Nobody may know of the set who could report. */
		consider(told->vouching, heard);
	}
	free(told);
}

static void on_away(struct hf_errand *errand)
{
	struct told *told = (struct told *)errand;

	for (struct heard *heard = told->vouching->heard; heard != NULL;
	     heard = heard->next)
		consider(told->vouching, heard);
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

	for (struct heard *heard = vouching->heard; heard != NULL;
	     heard = heard->next) {
		if (heard->is_vouched)
			hear_anew(heard);
	}
	for (size_t i = 0; i < count; i++) {
		if (sets[i].is_own &&
		    entitled(vouching, ring, sets[i].origin) == 0)
			(void)vouch(vouching, sets[i].origin, false);
	}
	hf_ring_release(ring);
	free(told);
}

/* --- on any ----------------------------------------------------------------
 */

/* Under the lock; takes told. */
static void post(struct hf_vouching *vouching, struct told *told,
		 void (*run)(struct hf_errand *errand))
{
	told->vouching = vouching;
	told->errand.run = run;
	hf_errand_post(vouching->node->errands, &told->errand);
}

static void tell(struct hf_vouching *vouching, const char *peer,
		 const char *origin, struct hf_span note,
		 void (*run)(struct hf_errand *errand))
{
	struct told *told = calloc(1, sizeof(*told) + note.len_bytes);

	if (told == NULL)
		return;
	told->peer = bit_of(vouching, peer);
	snprintf(told->from, sizeof(told->from), "%s", peer);
	strcpy(told->origin, origin);
	if (note.len_bytes > 0)
		memcpy(told->bytes, note.at, note.len_bytes);
	told->note = hf_span(told->bytes, note.len_bytes);
	pthread_mutex_lock(&vouching->lock);
	if (vouching->is_started)
		post(vouching, told, run);
	else
		free(told);
	pthread_mutex_unlock(&vouching->lock);
}

void hf_vouch_told(struct hf_vouching *vouching, const char *peer,
		   const char *origin, struct hf_span note)
{
	tell(vouching, peer, origin, note, on_told);
}

void hf_vouch_waits(struct hf_vouching *vouching, const char *origin)
{
	tell(vouching, "", origin, hf_span(NULL, 0), on_waits);
}

void hf_vouch_away(struct hf_vouching *vouching)
{
	/* Most nodes name nobody. */
	if (vouching->node->conf->checkpoint_peers.count > 0)
		tell(vouching, "", "", hf_span(NULL, 0), on_away);
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

void hf_vouch_ask_seldom(struct hf_vouching *vouching)
{
	uint64_t now_us = hf_clock_mono_us();

	pthread_mutex_lock(&vouching->lock);
	if (vouching->is_started && now_us >= vouching->seldom_us) {
		if (vouching->seldom_gap_us < SELDOM_MOST_US)
			vouching->seldom_gap_us =
				vouching->seldom_gap_us * 2 + ASK_GAP_US;
		vouching->seldom_us = now_us + vouching->seldom_gap_us;
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
