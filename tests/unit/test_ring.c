#include "unit.h"

#include "file.h"
#include "ring_fixture.h"

static void a_new_ring_knows_itself_and_nobody_else(void **state)
{
	const struct hf_organisation *peers;
	const struct hf_ring_set *sets;
	struct hf_ring *ring = loaded();
	struct stat found;

	assert_string_equal(hf_ring_self(ring)->name, "hotline.example");
	assert_true(hf_ring_self(ring)->is_self);
	assert_memory_equal(hf_ring_self(ring)->id, hotline.id, 32);
	assert_int_equal(hf_ring_peers(ring, &peers), 0);
	assert_int_equal(hf_ring_sets(ring, &sets), 0);
	assert_int_equal(warnings_of(ring), 0);
	assert_true(hf_ring_has_clients(ring));
	assert_int_equal(stat(dir, &found), 0);
	assert_int_equal(found.st_mode & 07777, 0750);
	hf_ring_release(ring);
	assert_int_equal(hf_ring_create(dir, hf_buf_span(&hotline.document),
					hf_span_of(issuer_pem), NULL),
			 HF_E_EXISTS);
}

static void enrolment_needs_the_fingerprint(void **state)
{
	const struct hf_ring_peer_options options = { .now_ms = NOW_MS };
	char print[HF_FINGERPRINT_SIZE], name[HF_DOMAIN_MAX_BYTES + 1];
	const struct hf_organisation *peers;
	struct hf_why why = { "" };
	struct hf_ring *ring;
	struct hf_buf invite;

	hf_buf_init(&invite, HF_INVITE_MAX_BYTES);
	assert_ok(hf_trust_invite_make(hf_buf_span(&partner.document), NULL, 0,
				       &invite, &why),
		  &why);
	assert_ok(hf_ring_invite_fingerprint(dir, hf_buf_span(&invite), print,
					     name, &why),
		  &why);
	assert_string_equal(name, "partner.example");
	assert_int_equal(hf_ring_save_peer(dir, hf_buf_span(&invite), BYTES(""),
					   &options, &why),
			 HF_E_DENIED);
	print[0] = print[0] == '9' ? '0' : '9';
	assert_int_equal(hf_ring_save_peer(dir, hf_buf_span(&invite),
					   hf_span_of(print), &options, &why),
			 HF_E_DENIED);
	ring = loaded();
	assert_int_equal(hf_ring_peers(ring, &peers), 0);
	hf_ring_release(ring);
	hf_buf_release(&invite);
}

static void an_enrolled_peer_is_found_every_way(void **state)
{
	const struct hf_ring_peer_options options = {
		.is_silent = true,
		.endpoint = "[::1]:7443",
		.now_ms = NOW_MS,
	};
	const struct hf_organisation *peers;
	struct hf_why why = { "" };
	struct hf_ring *ring;

	assert_ok(enrol_with(hf_buf_span(&partner.document), &options, &why),
		  &why);
	assert_ok(enrol(&provider, &why), &why);
	ring = loaded();
	assert_int_equal(hf_ring_peers(ring, &peers), 2);
	assert_string_equal(peers[0].name, "partner.example");
	assert_true(peers[0].is_silent);
	assert_string_equal(peers[0].endpoint, "[::1]:7443");
	assert_int_equal(peers[0].added_ms, NOW_MS);
	assert_false(peers[1].is_silent);
	assert_null(peers[1].endpoint);
	assert_ptr_equal(hf_ring_by_id(ring, provider.id), &peers[1]);
	assert_ptr_equal(hf_ring_by_pin(ring, provider.pin, ""), &peers[1]);
	assert_ptr_equal(hf_ring_by_name(ring, BYTES("provider.example")),
			 &peers[1]);
	assert_ptr_equal(hf_ring_by_id(ring, hotline.id), hf_ring_self(ring));
	/* Our own key is nobody's at the other end of a connection. */
	assert_null(hf_ring_by_pin(ring, hotline.pin, ""));
	hf_ring_release(ring);

	assert_ok(hf_ring_remove_peer(dir, BYTES("partner.example"), &why),
		  &why);
	assert_int_equal(
		hf_ring_remove_peer(dir, BYTES("partner.example"), &why),
		HF_E_NOTFOUND);
	ring = loaded();
	assert_int_equal(hf_ring_peers(ring, &peers), 1);
	assert_null(hf_ring_by_pin(ring, partner.pin, ""));
	hf_ring_release(ring);
}

static void what_contradicts_the_ring_is_not_enrolled(void **state)
{
	enum { SELF, SAME_NAME, SAME_PIN, OUR_PIN, EXPIRED, FUTURE, ENDPOINT };
	const struct {
		const char *name;
		int what;
		enum hf_err want;
	} rows[] = {
		{ "our own invite", SELF, HF_E_CONFLICT },
		{ "another's name with other keys", SAME_NAME, HF_E_CONFLICT },
		{ "another's TLS key", SAME_PIN, HF_E_CONFLICT },
		{ "our TLS key", OUR_PIN, HF_E_CONFLICT },
		{ "an expired manifest", EXPIRED, HF_E_EXPIRED },
		{ "one from the future", FUTURE, HF_E_EXPIRED },
		{ "an endpoint that is none", ENDPOINT, HF_E_ARGUMENT },
	};
	struct hf_why why = { "" };

	assert_ok(enrol(&partner, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct hf_ring_peer_options options = { .now_ms = NOW_MS };
		struct made_up org;
		enum hf_err got;

		assert_ok(made_up_new(&org, "other.example", 50, 1, 1, &why),
			  &why);
		if (rows[i].what == SAME_NAME)
			org.manifest.name = "partner.example";
		else if (rows[i].what == SAME_PIN)
			org.pin_span = hf_span(partner.pin, 32);
		else if (rows[i].what == OUR_PIN)
			org.pin_span = hf_span(hotline.pin, 32);
		else if (rows[i].what == EXPIRED)
			options.now_ms = org.manifest.expires_ms;
		else if (rows[i].what == FUTURE)
			options.now_ms = org.manifest.issued_ms - 301000;
		else if (rows[i].what == ENDPOINT)
			options.endpoint = "somewhere";
		assert_ok(made_up_sign(&org, &org.document, &why), &why);
		got = enrol_with(rows[i].what == SELF
					 ? hf_buf_span(&hotline.document)
					 : hf_buf_span(&org.document),
				 &options, &why);
		if (got != rows[i].want)
			fail_msg("%s: %s: %s", rows[i].name, hf_err_name(got),
				 why.text);
		made_up_free(&org);
	}
}

static void a_lost_organisation_is_replaced_only_when_told_so(void **state)
{
	struct hf_ring_peer_options options = { .now_ms = NOW_MS };
	struct hf_why why = { "" };
	struct made_up org;
	struct hf_ring *ring;

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(made_up_new(&org, "partner.example", 50, 1, 1, &why), &why);
	assert_int_equal(enrol_with(hf_buf_span(&org.document), &options, &why),
			 HF_E_CONFLICT);
	options.replaces = true;
	assert_ok(enrol_with(hf_buf_span(&org.document), &options, &why), &why);
	ring = loaded();
	assert_null(hf_ring_by_id(ring, partner.id));
	assert_null(hf_ring_by_pin(ring, partner.pin, ""));
	assert_non_null(hf_ring_by_id(ring, org.id));
	hf_ring_release(ring);
	made_up_free(&org);
}

/* --- Manifests by gossip. ------------------------------------------------ */

static void newer_manifests_come_one_by_one(void **state)
{
	struct hf_buf second, third;
	struct hf_why why = { "" };
	struct made_up org;
	struct hf_ring *ring;
	struct hf_span got;

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(made_up_new(&org, "partner.example", 20, 1, 1, &why), &why);
	hf_buf_init(&second, HF_MANIFEST_MAX_BYTES);
	hf_buf_init(&third, HF_MANIFEST_MAX_BYTES);
	memset(org.pin, 21, sizeof(org.pin));
	org.manifest.version = 2;
	assert_ok(made_up_sign(&org, &second, &why), &why);
	org.manifest.version = 3;
	assert_ok(made_up_sign(&org, &third, &why), &why);

	assert_int_equal(hf_ring_save_manifest(dir, hf_buf_span(&third), &why),
			 HF_E_UNAVAILABLE);
	assert_ok(hf_ring_save_manifest(dir, hf_buf_span(&second), &why), &why);
	assert_ok(hf_ring_save_manifest(dir, hf_buf_span(&second), &why), &why);
	assert_ok(hf_ring_save_manifest(dir, hf_buf_span(&third), &why), &why);
	assert_int_equal(hf_ring_save_manifest(dir, hf_buf_span(&second), &why),
			 HF_E_CONFLICT);
	assert_int_equal(hf_ring_save_manifest(
				 dir, hf_buf_span(&partner.document), &why),
			 HF_E_CONFLICT);
	assert_int_equal(hf_ring_save_manifest(
				 dir, hf_buf_span(&provider.document), &why),
			 HF_E_UNAUTHENTICATED);
	ring = loaded();
	assert_int_equal(warnings_of(ring), 0);
	assert_null(hf_ring_by_pin(ring, partner.pin, ""));
	assert_non_null(hf_ring_by_pin(ring, org.pin, ""));
	got = hf_ring_manifest(ring, partner.id, 0);
	assert_true(hf_span_equal(got, hf_buf_span(&third)));
	got = hf_ring_manifest(ring, partner.id, 2);
	assert_true(hf_span_equal(got, hf_buf_span(&second)));
	got = hf_ring_manifest(ring, partner.id, 1);
	assert_true(hf_span_equal(got, hf_buf_span(&partner.document)));
	assert_int_equal(hf_ring_manifest(ring, partner.id, 4).len_bytes, 0);
	assert_int_equal(hf_ring_manifest(ring, provider.id, 0).len_bytes, 0);
	hf_ring_release(ring);
	hf_buf_release(&second);
	hf_buf_release(&third);
	made_up_free(&org);
}

/* A version 2 of a peer with another TLS key, by gossip. */
static void change_pin(const char *name, uint8_t first, const uint8_t *pin)
{
	struct hf_why why = { "" };
	struct hf_buf document;
	struct made_up org;

	hf_buf_init(&document, HF_MANIFEST_MAX_BYTES);
	assert_ok(made_up_new(&org, name, first, 1, 1, &why), &why);
	org.manifest.version = 2;
	org.pin_span = hf_span(pin, HF_CERT_PIN_BYTES);
	assert_ok(made_up_sign(&org, &document, &why), &why);
	assert_ok(hf_ring_save_manifest(dir, hf_buf_span(&document), &why),
		  &why);
	hf_buf_release(&document);
	made_up_free(&org);
}

/* Whoever sees a key in another's next manifest can be first to claim it. */
static void who_claims_anothers_key_keeps_nothing_from_it(void **state)
{
	struct hf_identity identity;
	struct hf_cert_made node;
	struct hf_cert_info info;
	struct hf_why why = { "" };
	struct hf_ring *ring;

	assert_ok(enrol(&partner, &why), &why);
	assert_ok(enrol(&provider, &why), &why);
	assert_ok(
		hf_cert_node_new(BYTES("partner.example"), dates, &node, &why),
		&why);
	assert_ok(hf_cert_inspect(hf_span_of(node.cert_pem), &info, &why),
		  &why);
	change_pin("provider.example", 30, info.pin);
	change_pin("partner.example", 20, info.pin);
	ring = loaded();
	assert_int_equal(warnings_of(ring), 0);
	assert_int_equal(hf_ring_by_id(ring, partner.id)->manifest->version, 2);
	assert_int_equal(hf_ring_by_id(ring, provider.id)->manifest->version,
			 2);
	/* The certificate says whose the key is: only its owner made it. */
	assert_ok(hf_ring_admit(ring, hf_span_of(node.cert_pem), NOW_MS,
				&identity, &why),
		  &why);
	assert_string_equal(identity.name, "partner.example");
	assert_true(hf_ring_still_admits(ring, &identity, NOW_MS));
	assert_null(hf_ring_by_pin(ring, info.pin, "hotline.example"));
	hf_ring_release(ring);
	hf_cert_made_wipe(&node);
}

static void a_claim_of_our_own_key_is_worth_nothing(void **state)
{
	struct hf_why why = { "" };
	struct hf_ring *ring;

	assert_ok(enrol(&partner, &why), &why);
	change_pin("partner.example", 20, hotline.pin);
	ring = loaded();
	assert_null(hf_ring_by_pin(ring, hotline.pin, "partner.example"));
	assert_null(hf_ring_by_pin(ring, hotline.pin, "hotline.example"));
	hf_ring_release(ring);
}

/* After a change of root keys our invite proves the old id by its history,
 * and later versions keep proving it. */
static void our_invite_carries_what_proves_our_id(void **state)
{
	struct hf_buf second, third, invite;
	struct hf_invite_read read;
	struct hf_arena arena;
	struct hf_why why = { "" };
	struct hf_span new_root;
	struct made_up org;

	assert_ok(made_up_new(&org, "hotline.example", 10, 1, 1, &why), &why);
	hf_buf_init(&second, HF_MANIFEST_MAX_BYTES);
	hf_buf_init(&third, HF_MANIFEST_MAX_BYTES);
	hf_buf_init(&invite, HF_INVITE_MAX_BYTES);
	hf_arena_init(&arena, HF_UNPACK_MAX_BYTES);
	new_root = public_span(org.roots[1]);
	org.manifest.root_keys = &new_root;
	org.manifest.version = 2;
	assert_ok(hf_trust_manifest_make(
			  &org.manifest,
			  (const struct hf_secret *const *)org.roots, 2,
			  &second, &why),
		  &why);
	org.manifest.version = 3;
	assert_ok(hf_trust_manifest_make(
			  &org.manifest,
			  (const struct hf_secret *const *)&org.roots[1], 1,
			  &third, &why),
		  &why);
	assert_ok(hf_ring_save_manifest(dir, hf_buf_span(&second), &why), &why);
	assert_ok(hf_ring_save_manifest(dir, hf_buf_span(&third), &why), &why);

	assert_ok(hf_ring_invite(dir, &invite, &why), &why);
	assert_ok(hf_trust_invite(hf_buf_span(&invite), &arena, &read, &why),
		  &why);
	assert_int_equal(read.manifest->version, 3);
	assert_memory_equal(read.manifest->organisation_id.at, hotline.id, 32);
	assert_int_equal(read.history_count, 2);
	hf_arena_release(&arena);
	hf_buf_release(&second);
	hf_buf_release(&third);
	hf_buf_release(&invite);
	made_up_free(&org);
}

/* --- Damage. ------------------------------------------------------------- */

static void put(const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(hf_file_replace(path, hf_span_of(text), 0644, NULL),
			 HF_OK);
}

static void copy(const char *from, const char *to)
{
	char path[256];
	struct hf_buf text;

	hf_buf_init(&text, HF_INVITE_MAX_BYTES);
	snprintf(path, sizeof(path), "%s/%s", dir, from);
	assert_int_equal(hf_file_read(path, &text, NULL), HF_OK);
	hf_buf_put_u8(&text, '\0');
	put(to, (const char *)text.at);
	hf_buf_release(&text);
}

static void a_damaged_file_is_left_out_and_the_rest_works(void **state)
{
	const struct {
		const char *name, *text;
		size_t warnings;
	} rows[] = {
		{ "peers/x.example.peer", "", 1 },
		{ "peers/x.example.peer", "hashfed-peer 1\n", 1 },
		{ "peers/x.example.peer", "hashfed-peer 1\nadded 1\nloud\n",
		  1 },
		{ "peers/x.example.peer",
		  "hashfed-peer 1\nadded 1\n-----BEGIN HASHFED INVITE-----\n",
		  1 },
		{ "peers/note.txt", "not a peer's file", 0 },
		{ "history/x.example_1.manifest", "x", 1 },
		{ "agreements/x.example_a_1.agreement", "x", 1 },
		{ "follows", "x\n", 1 },
		{ "clients/00.crt", "x", 1 },
		{ "clients/xyz.revoked", "1", 1 },
		{ "clients/0102.revoked", "not a time", 0 },
		{ "clients-ca.crt", "x", 1 },
	};
	struct hf_why why = { "" };

	assert_ok(enrol(&partner, &why), &why);
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct hf_organisation *peers;
		struct hf_ring *ring;
		char path[256];

		put(rows[i].name, rows[i].text);
		ring = loaded();
		if (warnings_of(ring) != rows[i].warnings ||
		    hf_ring_peers(ring, &peers) != 1)
			fail_msg("%s '%s'", rows[i].name, rows[i].text);
		hf_ring_release(ring);
		snprintf(path, sizeof(path), "%s/%s", dir, rows[i].name);
		assert_int_equal(unlink(path), 0);
	}
}

static void a_file_says_what_its_name_says(void **state)
{
	const struct hf_organisation *peers;
	struct hf_why why = { "" };
	struct hf_ring *ring;

	/* A copy of a peer's file under another name is no second peer. */
	assert_ok(enrol(&partner, &why), &why);
	copy("peers/partner.example.peer", "peers/another.example.peer");
	ring = loaded();
	assert_int_equal(hf_ring_peers(ring, &peers), 1);
	assert_int_equal(warnings_of(ring), 1);
	hf_ring_release(ring);
	/* Even one that is damaged can be removed. */
	assert_ok(hf_ring_remove_peer(dir, BYTES("another.example"), &why),
		  &why);
	ring = loaded();
	assert_int_equal(warnings_of(ring), 0);
	hf_ring_release(ring);
}

static void without_a_good_manifest_of_our_own_nothing_works(void **state)
{
	struct hf_ring *ring;
	struct hf_why why = { "" };
	char path[128];

	put("self.manifest", "x");
	assert_int_equal(hf_ring_load(dir, &ring, &why), HF_E_MALFORMED);
	assert_non_null(strstr(why.text, "self.manifest"));
	snprintf(path, sizeof(path), "%s/self.manifest", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(hf_ring_load(dir, &ring, &why), HF_E_NOTFOUND);
}

/* --- Connections. -------------------------------------------------------- */

static void a_peer_is_admitted_by_its_pin_and_dates(void **state)
{
	struct hf_cert_made node, stranger;
	struct hf_identity identity;
	struct hf_cert_info info;
	struct hf_why why = { "" };
	struct made_up org;
	struct hf_ring *ring;

	assert_ok(
		hf_cert_node_new(BYTES("partner.example"), dates, &node, &why),
		&why);
	/* The same name proves nothing. */
	assert_ok(hf_cert_node_new(BYTES("partner.example"), dates, &stranger,
				   &why),
		  &why);
	assert_ok(hf_cert_inspect(hf_span_of(node.cert_pem), &info, &why),
		  &why);
	assert_ok(made_up_new(&org, "partner.example", 20, 1, 1, &why), &why);
	org.pin_span = hf_span(info.pin, sizeof(info.pin));
	assert_ok(made_up_sign(&org, &org.document, &why), &why);
	assert_ok(enrol(&org, &why), &why);

	ring = loaded();
	assert_ok(hf_ring_admit(ring, hf_span_of(node.cert_pem), NOW_MS,
				&identity, &why),
		  &why);
	assert_int_equal(identity.duty, HF_DUTY_PEER);
	assert_string_equal(identity.name, "partner.example");
	assert_memory_equal(identity.organisation_id, partner.id, 32);
	assert_int_equal(hf_ring_admit(ring, hf_span_of(node.cert_pem),
				       NOW_MS + 91 * DAY_MS, &identity, &why),
			 HF_E_EXPIRED);
	assert_int_equal(hf_ring_admit(ring, hf_span_of(node.cert_pem),
				       NOW_MS - 2 * DAY_MS, &identity, &why),
			 HF_E_EXPIRED);
	assert_int_equal(hf_ring_admit(ring, hf_span_of(stranger.cert_pem),
				       NOW_MS, &identity, &why),
			 HF_E_UNAUTHENTICATED);
	assert_int_equal(
		hf_ring_admit(ring, BYTES("x"), NOW_MS, &identity, &why),
		HF_E_MALFORMED);
	assert_true(hf_ring_still_admits(ring, &identity, NOW_MS));
	assert_false(
		hf_ring_still_admits(ring, &identity, NOW_MS + 91 * DAY_MS));
	hf_ring_release(ring);

	assert_ok(hf_ring_remove_peer(dir, BYTES("partner.example"), &why),
		  &why);
	ring = loaded();
	assert_false(hf_ring_still_admits(ring, &identity, NOW_MS));
	assert_int_equal(hf_ring_admit(ring, hf_span_of(node.cert_pem), NOW_MS,
				       &identity, &why),
			 HF_E_UNAUTHENTICATED);
	hf_ring_release(ring);
	hf_cert_made_wipe(&node);
	hf_cert_made_wipe(&stranger);
	made_up_free(&org);
}

static void a_client_is_admitted_until_it_is_revoked(void **state)
{
	struct hf_secret *other = secret_of(98);
	char other_pem[HF_CERT_SIZE];
	const struct hf_cert_client client = { BYTES("Ada"), HF_DUTY_ANALYST,
					       dates };
	const struct hf_ring_client *clients;
	struct hf_identity identity;
	struct hf_why why = { "" };
	struct hf_cert_made made;
	struct hf_ring *ring;

	assert_ok(hf_cert_client_new(issuer, hf_span_of(issuer_pem), &client,
				     &made, &why),
		  &why);
	ring = loaded();
	assert_ok(hf_ring_admit(ring, hf_span_of(made.cert_pem), NOW_MS,
				&identity, &why),
		  &why);
	assert_int_equal(identity.duty, HF_DUTY_ANALYST);
	assert_string_equal(identity.name, "Ada");
	assert_memory_equal(identity.organisation_id, hotline.id, 32);
	assert_int_equal(hf_ring_admit(ring, hf_span_of(made.cert_pem),
				       NOW_MS + 91 * DAY_MS, &identity, &why),
			 HF_E_EXPIRED);
	assert_true(hf_ring_still_admits(ring, &identity, NOW_MS));
	hf_ring_release(ring);

	/* With another client-issuing key all that the old one issued ends. */
	assert_ok(hf_cert_issuer_new(other, BYTES("hotline.example"), dates,
				     other_pem, &why),
		  &why);
	put("clients-ca.crt", other_pem);
	ring = loaded();
	assert_true(hf_ring_has_clients(ring));
	assert_false(hf_ring_still_admits(ring, &identity, NOW_MS));
	hf_ring_release(ring);
	put("clients-ca.crt", issuer_pem);

	assert_int_equal(
		hf_ring_revoke_client(
			dir,
			hf_span(identity.serial, identity.serial_len_bytes),
			NOW_MS, &why),
		HF_E_NOTFOUND);
	assert_ok(hf_ring_save_client(dir, hf_span_of(made.cert_pem), &why),
		  &why);
	assert_ok(hf_ring_revoke_client(
			  dir,
			  hf_span(identity.serial, identity.serial_len_bytes),
			  NOW_MS, &why),
		  &why);
	ring = loaded();
	assert_int_equal(hf_ring_clients(ring, &clients), 1);
	assert_string_equal(clients[0].info.name, "Ada");
	assert_true(clients[0].is_revoked);
	assert_int_equal(clients[0].revoked_ms, NOW_MS);
	assert_false(hf_ring_still_admits(ring, &identity, NOW_MS));
	assert_int_equal(hf_ring_admit(ring, hf_span_of(made.cert_pem), NOW_MS,
				       &identity, &why),
			 HF_E_UNAUTHENTICATED);
	hf_ring_release(ring);
	hf_secret_free(other);
	hf_cert_made_wipe(&made);
}

static void anothers_client_is_nobody(void **state)
{
	const struct hf_cert_dates long_dates = { NOW_MS - DAY_MS,
						  NOW_MS + 3650 * DAY_MS };
	const struct hf_cert_client client = { BYTES("Eve"), HF_DUTY_OPERATOR,
					       dates };
	struct hf_secret *other = secret_of(98);
	char other_pem[HF_CERT_SIZE];
	struct hf_identity identity;
	struct hf_why why = { "" };
	struct hf_cert_made made;
	struct hf_ring *ring;

	assert_non_null(other);
	/* Even under our name: the key is another. */
	assert_ok(hf_cert_issuer_new(other, BYTES("hotline.example"),
				     long_dates, other_pem, &why),
		  &why);
	assert_ok(hf_cert_client_new(other, hf_span_of(other_pem), &client,
				     &made, &why),
		  &why);
	ring = loaded();
	assert_int_equal(hf_ring_admit(ring, hf_span_of(made.cert_pem), NOW_MS,
				       &identity, &why),
			 HF_E_UNAUTHENTICATED);
	assert_int_equal(hf_ring_admit(ring, hf_span_of(other_pem), NOW_MS,
				       &identity, &why),
			 HF_E_UNAUTHENTICATED);
	/* The issuer's own certificate is no client either. */
	assert_int_equal(hf_ring_admit(ring, hf_span_of(issuer_pem), NOW_MS,
				       &identity, &why),
			 HF_E_UNAUTHENTICATED);
	assert_int_not_equal(
		hf_ring_save_client(dir, hf_span_of(made.cert_pem), &why),
		HF_OK);
	hf_ring_release(ring);
	hf_cert_made_wipe(&made);
	hf_secret_free(other);
}

static void a_reload_leaves_old_snapshots_as_they_are(void **state)
{
	const struct hf_organisation *peers;
	struct hf_ring_holder *holder;
	struct hf_ring *before, *after;
	struct hf_why why = { "" };

	assert_ok(hf_ring_holder_new(dir, &holder, &why), &why);
	before = hf_ring_holder_get(holder);
	assert_ok(enrol(&partner, &why), &why);
	assert_ok(hf_ring_holder_reload(holder, &why), &why);
	after = hf_ring_holder_get(holder);
	assert_int_equal(hf_ring_peers(before, &peers), 0);
	assert_int_equal(hf_ring_peers(after, &peers), 1);
	hf_ring_release(after);
	hf_ring_release(before);
	/* A ring that cannot be read does not replace one that was. */
	put("self.manifest", "x");
	assert_int_not_equal(hf_ring_holder_reload(holder, &why), HF_OK);
	after = hf_ring_holder_get(holder);
	assert_int_equal(hf_ring_peers(after, &peers), 1);
	hf_ring_release(after);
	hf_ring_holder_free(holder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_A_RING(a_new_ring_knows_itself_and_nobody_else),
		WITH_A_RING(enrolment_needs_the_fingerprint),
		WITH_A_RING(an_enrolled_peer_is_found_every_way),
		WITH_A_RING(what_contradicts_the_ring_is_not_enrolled),
		WITH_A_RING(a_lost_organisation_is_replaced_only_when_told_so),
		WITH_A_RING(newer_manifests_come_one_by_one),
		WITH_A_RING(who_claims_anothers_key_keeps_nothing_from_it),
		WITH_A_RING(a_claim_of_our_own_key_is_worth_nothing),
		WITH_A_RING(our_invite_carries_what_proves_our_id),
		WITH_A_RING(a_damaged_file_is_left_out_and_the_rest_works),
		WITH_A_RING(a_file_says_what_its_name_says),
		WITH_A_RING(without_a_good_manifest_of_our_own_nothing_works),
		WITH_A_RING(a_peer_is_admitted_by_its_pin_and_dates),
		WITH_A_RING(a_client_is_admitted_until_it_is_revoked),
		WITH_A_RING(anothers_client_is_nobody),
		WITH_A_RING(a_reload_leaves_old_snapshots_as_they_are),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
