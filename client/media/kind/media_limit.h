/*
 * media_limit.h -- what an image may cost, once.
 *
 * Units    _BYTES, _MS, _S, _COUNT; pixels of a side, of an image.
 * Owns     nothing.
 * Threads  constants.
 * Errors   whoever checks one answers LIMIT, or DEADLINE for time.
 * Source   The largest cameras in phones make 200 million pixels; WebP cannot
 *          have a side over 16,383, JPEG none over 65,535.  256 MiB is what
 *          the project promises for any image.
 */
#ifndef HF_MEDIA_LIMIT_H
#define HF_MEDIA_LIMIT_H

#include <stddef.h>
#include <stdint.h>

/* An image with more is refused before a pixel of it is decoded. */
#define HF_MEDIA_SIDE_MAX   65535u
#define HF_MEDIA_PIXELS_MAX ((uint64_t)256 * 1024 * 1024)

/* The decoding process: everything in its address space. */
#define HF_MEDIA_MEMORY_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* What one image may ask for, so that it hears LIMIT and not a crash: the
 * rest of the address space is programs, libraries and stacks. */
#define HF_MEDIA_IMAGE_MAX_BYTES ((size_t)200 * 1024 * 1024)

/* Processor time of one image, and passes over a progressive JPEG (real ones
 * have ten; thousands fit into a small file and take minutes). */
#define HF_MEDIA_CPU_MAX_S      20
#define HF_MEDIA_JPEG_SCANS_MAX 100

/* The wall clock for one image: for a machine too busy to spend the processor
 * time, or a file on a disk that does not answer. */
#define HF_MEDIA_IMAGE_MAX_MS 60000

#define HF_MEDIA_THREADS_MAX 64

/* A video: everything in the address space of the process that decodes it, of
 * which the libraries take a quarter; its processor time, and the wall clock.
 */
#define HF_MEDIA_VIDEO_MEMORY_MAX_BYTES ((size_t)1024 * 1024 * 1024)
#define HF_MEDIA_VIDEO_CPU_MAX_S        600
#define HF_MEDIA_VIDEO_MAX_MS           1200000
#define HF_MEDIA_VIDEO_PIXELS_MAX       ((int64_t)64 * 1024 * 1024)

/* Frames below this are in no list. */
#define HF_MEDIA_FRAME_QUALITY_MIN 50

#endif /* HF_MEDIA_LIMIT_H */
