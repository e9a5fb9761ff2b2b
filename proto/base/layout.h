/*
 * layout.h -- where an installation keeps its files.
 *
 * Two shapes: the system's (/etc/hashfed, /var/lib/hashfed, /run/hashfed) and
 * everything under one directory for a user without root (DIR/etc, DIR/lib,
 * DIR/run).  Every program finds its files through this one function.
 *
 * Units    paths end with a zero byte; no slash at the end.
 * Owns     nothing: a value.
 * Threads  a value; hf_layout_find() reads the environment, so call it
 *          before threads start.
 * Errors   LIMIT when a path is too long, NOTFOUND when there is no home.
 * Source   hashfedd(8), FILES.
 */
#ifndef HF_LAYOUT_H
#define HF_LAYOUT_H

#include "err.h"

#define HF_LAYOUT_PATH_SIZE 512

struct hf_layout {
	char etc[HF_LAYOUT_PATH_SIZE];
	char lib[HF_LAYOUT_PATH_SIZE];
	char run[HF_LAYOUT_PATH_SIZE];
};

/* home is --home's argument or NULL.  Without it HASHFED_HOME counts, then
 * the system's shape for root and wherever /etc/hashfed/hashfedd.conf can be
 * read, then ~/.hashfed. */
HF_MUST enum hf_err hf_layout_find(const char *home,
				   struct hf_layout *out_layout,
				   struct hf_why *why);

#endif /* HF_LAYOUT_H */
