/*
 * own_keys.h -- the agreements of our own sets name the keys that the signer
 * has: when it was given another one, the next version of each says so.
 *
 * Units    none.
 * Owns     nothing.
 * Threads  the main one.
 * Errors   are logged; the next look tries again.
 * Source   proto/SPEC.md section 7.4.
 */
#ifndef HF_OWN_KEYS_H
#define HF_OWN_KEYS_H

struct hf_node;

/* Ask the signer for its keys and put the agreements in force that name them.
 * Waits for the signer. */
void hf_own_keys_look(struct hf_node *node);

#endif /* HF_OWN_KEYS_H */
