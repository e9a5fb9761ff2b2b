/*
 * inventory.h -- what is stored here, as the last scans saw it: so that a file
 * is read once, and again only when it changed.
 *
 * A directory with rows of all files, rows of those that were told to match,
 * and how far the entries of each set were held against all of them.  What was
 * put counts from hf_inventory_save() on, all of it or nothing, whatever
 * happens to the machine.
 *
 * Units    positions count entries; see inventory_row.h.
 * Owns     hf_inventory_open() gives the caller an inventory,
 *          hf_inventory_close() takes it back.
 * Threads  one.
 * Errors   CONFLICT when another scan has it open; CORRUPT when it is damaged:
 *          begin anew.
 * Source   hashfed(1), scan.
 */
#ifndef HF_INVENTORY_H
#define HF_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec_match.h"
#include "err.h"
#include "inventory_shelf.h"

struct hf_inventory;

enum hf_inventory_shelf {
	HF_INVENTORY_ALL,
	HF_INVENTORY_TOLD, /* the note is the verdict that was told */
	HF_INVENTORY_SHELVES
};

/* dir is made; its parent is there.  is_fresh: forget what is in it. */
HF_MUST enum hf_err hf_inventory_open(const char *dir, bool is_fresh,
				      struct hf_inventory **out_inventory,
				      struct hf_why *why);

/* What was not saved is lost.  NULL is fine. */
void hf_inventory_close(struct hf_inventory *inventory);

/* Copies the row; saves when many wait. */
HF_MUST enum hf_err hf_inventory_put(struct hf_inventory *inventory,
				     enum hf_inventory_shelf shelf,
				     const struct hf_row *row,
				     struct hf_why *why);

HF_MUST enum hf_err hf_inventory_gone(struct hf_inventory *inventory,
				      enum hf_inventory_shelf shelf,
				      const char *path, struct hf_why *why);

/* What was replaced or is gone is in no file of the shelf any more once this is
 * saved: otherwise it stays until files are merged.  Where there are several
 * files, all of the shelf is read and written. */
HF_MUST enum hf_err hf_inventory_settle(struct hf_inventory *inventory,
					enum hf_inventory_shelf shelf,
					struct hf_why *why);

HF_MUST enum hf_err hf_inventory_save(struct hf_inventory *inventory,
				      struct hf_why *why);

/* To read it; it does not change under a cursor of its own. */
const struct hf_shelf *hf_inventory_shelf(const struct hf_inventory *inventory,
					  enum hf_inventory_shelf shelf);

/* ---- how far it was held against the sets ---- */

/* Borrowed until they are changed. */
const struct hf_set_position *
hf_inventory_positions(const struct hf_inventory *inventory, size_t *out_count);

/* The node's policy then; 0: it was never held against anything. */
uint64_t hf_inventory_policy(const struct hf_inventory *inventory);

/* Copies them; kept by the next save. */
HF_MUST enum hf_err hf_inventory_stand(struct hf_inventory *inventory,
				       const struct hf_set_position *positions,
				       size_t count, uint64_t policy,
				       struct hf_why *why);

#endif /* HF_INVENTORY_H */
