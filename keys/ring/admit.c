#include <string.h>

#include "ring.h"
#include "ring_inside.h"

static void identity_of(const struct hf_cert_info *info,
			const struct hf_organisation *organisation,
			struct hf_identity *out_identity)
{
	memset(out_identity, 0, sizeof(*out_identity));
	memcpy(out_identity->organisation_id, organisation->id, HF_HASH_BYTES);
	memcpy(out_identity->fingerprint, info->fingerprint, HF_CERT_PIN_BYTES);
	memcpy(out_identity->pin, info->pin, HF_CERT_PIN_BYTES);
	memcpy(out_identity->serial, info->serial, sizeof(info->serial));
	out_identity->serial_len_bytes = info->serial_len_bytes;
	out_identity->not_before_ms = info->not_before_ms;
	out_identity->not_after_ms = info->not_after_ms;
}

static enum hf_err admit_peer(const struct hf_cert_info *info,
			      const struct hf_organisation *peer,
			      uint64_t now_ms, struct hf_identity *out_identity,
			      struct hf_why *why)
{
	if (now_ms < info->not_before_ms || now_ms > info->not_after_ms)
		return hf_why(why, HF_E_EXPIRED,
			      "ring: the TLS certificate of %s is not valid "
			      "at this time",
			      peer->name);
	identity_of(info, peer, out_identity);
	out_identity->duty = HF_DUTY_PEER;
	strcpy(out_identity->name, peer->name);
	return HF_OK;
}

static enum hf_err admit_client(const struct hf_ring *ring, struct hf_span pem,
				uint64_t now_ms,
				struct hf_identity *out_identity,
				struct hf_why *why)
{
	struct hf_cert_info info;
	enum hf_err err;

	err = hf_cert_client_verify(ring->issuer_pem, pem, now_ms, &info, why);
	if (err == HF_E_EXPIRED || err == HF_E_NOMEM)
		return err;
	if (err != HF_OK)
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "ring: neither an enrolled peer nor a client of "
			      "ours");
	if (hf_ring_revoked(ring, info.serial, info.serial_len_bytes) != NULL)
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "ring: the certificate of %s was revoked",
			      info.name);
	identity_of(&info, &ring->self, out_identity);
	out_identity->duty = info.duty;
	strcpy(out_identity->name, info.name);
	memcpy(out_identity->issuer, ring->issuer_fingerprint,
	       HF_CERT_PIN_BYTES);
	return HF_OK;
}

enum hf_err hf_ring_admit(const struct hf_ring *ring, struct hf_span pem,
			  uint64_t now_ms, struct hf_identity *out_identity,
			  struct hf_why *why)
{
	const struct hf_organisation *peer;
	struct hf_cert_info info;
	enum hf_err err;

	err = hf_cert_inspect(pem, &info, why);
	if (err != HF_OK)
		return err;
	peer = hf_ring_by_pin(ring, info.pin, info.domain);
	if (peer != NULL)
		return admit_peer(&info, peer, now_ms, out_identity, why);
	if (!hf_ring_has_clients(ring))
		return hf_why(why, HF_E_UNAUTHENTICATED,
			      "ring: no enrolled peer has this key");
	return admit_client(ring, pem, now_ms, out_identity, why);
}

bool hf_ring_still_admits(const struct hf_ring *ring,
			  const struct hf_identity *identity, uint64_t now_ms)
{
	const struct hf_organisation *peer;

	if (now_ms < identity->not_before_ms || now_ms > identity->not_after_ms)
		return false;
	if (identity->duty == HF_DUTY_PEER) {
		peer = hf_ring_by_pin(ring, identity->pin, identity->name);
		return peer != NULL &&
		       memcmp(peer->id, identity->organisation_id,
			      HF_HASH_BYTES) == 0;
	}
	return hf_ring_has_clients(ring) &&
	       memcmp(ring->issuer_fingerprint, identity->issuer,
		      HF_CERT_PIN_BYTES) == 0 &&
	       hf_ring_revoked(ring, identity->serial,
			       identity->serial_len_bytes) == NULL;
}

bool hf_ring_has_clients(const struct hf_ring *ring)
{
	return ring->issuer_pem.len_bytes > 0;
}

size_t hf_ring_clients(const struct hf_ring *ring,
		       const struct hf_ring_client **out_clients)
{
	*out_clients = HF_RING_ROWS(const struct hf_ring_client, ring->clients);
	return HF_RING_COUNT(struct hf_ring_client, ring->clients);
}

const struct hf_ring_serial *hf_ring_revoked(const struct hf_ring *ring,
					     const uint8_t *serial,
					     size_t len_bytes)
{
	const struct hf_ring_serial *rows =
		HF_RING_ROWS(const struct hf_ring_serial, ring->revoked);
	size_t count = HF_RING_COUNT(struct hf_ring_serial, ring->revoked);

	for (size_t i = 0; i < count; i++) {
		if (rows[i].len_bytes == len_bytes &&
		    memcmp(rows[i].bytes, serial, len_bytes) == 0)
			return &rows[i];
	}
	return NULL;
}
