/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prog.h - a program of ops over named buffers, described once and run on any
 * device: inputs with their bytes, outputs poisoned, guard zones around all of
 * them, addresses filled in when the buffers exist. What a case of `aios conform`
 * builds, and what is compared afterwards.
 *
 * A prog owns all its memory. Building never fails halfway: an allocation that fails
 * is remembered (prog.failed) and prog_run() reports it.
 */
#ifndef CORE_CONFORM_PROG_H
#define CORE_CONFORM_PROG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <aios/op.h>

#include "core/conform/value.h"
#include "core/device/device.h"

enum prog_role {
	PROG_IN,    /* must not change */
	PROG_OUT,   /* poisoned first; every element is compared */
	PROG_INOUT, /* has contents first; every element is compared */
	PROG_OPAQUE /* written, in the device's own layout: not compared */
};

/* One allocation: a matrix of elements, rows with padding, one or two planes. */
struct prog_buf {
	char name[24];
	enum prog_role role;
	uint32_t dtype, rows, cols;
	uint64_t row_bytes, plane_bytes, bytes;
	uint8_t *image; /* contents at the start; OUT and OPAQUE: NULL */
	bool loose;     /* bytes between cols and row_bytes may be written */
};

/* A tensor that lies in buffers; indices, -1: none. */
struct prog_tensor {
	struct aios_tensor t; /* addresses 0 */
	int data, scale;
	int weight_profile; /* >= 0: of the device's own layout under this profile */
};

struct prog_reloc {
	uint32_t op, at; /* which op, offset of the aios_addr in its descriptor */
	int buf;
	uint64_t offset;
};

/* A tensor in a descriptor whose layout the device chooses. */
struct prog_layout {
	uint32_t op, at;
	int buf, scale;
	int profile;
};

struct prog {
	struct prog_buf *bufs;
	size_t n_bufs, cap_bufs;
	void **ops; /* descriptors, each allocated alone */
	size_t n_ops, cap_ops;
	struct prog_reloc *relocs;
	size_t n_relocs, cap_relocs;
	struct prog_layout *layouts;
	size_t n_layouts, cap_layouts;
	struct conform_key key;
	bool failed; /* memory ran out while it was built */
};

void prog_init(struct prog *p, struct conform_key key);
void prog_finish(struct prog *p); /* frees all; takes a zeroed prog */

/* A buffer of rows x cols with 16 * pad bytes more than needed behind each row. Its index, or -1. */
int prog_buf(struct prog *p, const char *name, enum prog_role role, uint32_t dtype, uint32_t rows,
	     uint32_t cols, uint32_t pad);

/* The start of row `row` of a buffer's initial contents; NULL when it has none. */
void *prog_row(struct prog *p, int buf, uint32_t row);

/* Values for every element: row r is row `row0 + r` of `stream` (I8X2: both planes). */
void prog_fill(struct prog *p, int buf, uint32_t stream, uint32_t row0, uint32_t dist);

/* A tensor with its scales (scaled types), filled when its role has contents. */
struct prog_tensor prog_tensor(struct prog *p, const char *name, enum prog_role role,
			       uint32_t dtype, uint32_t rows, uint32_t cols, uint32_t pad,
			       uint32_t stream, uint32_t row0, uint32_t dist);

/* A weight in the layout the device chooses for `profile`; role OPAQUE. */
struct prog_tensor prog_weight(struct prog *p, const char *name, uint32_t profile, uint32_t dtype,
			       uint32_t rows, uint32_t cols);

/*
 * One more op: a zeroed descriptor of `size` bytes with its header filled. Borrowed
 * until prog_finish(). Never NULL: when memory is short it points to waste memory
 * that the prog owns, or to static storage that nobody reads.
 */
void *prog_op(struct prog *p, uint32_t type, uint32_t size);

/* Where `field` of the op made last will point to. */
void prog_addr(struct prog *p, aios_addr *field, int buf, uint64_t offset);

/* Put a tensor into a field of the op made last. */
void prog_put(struct prog *p, struct aios_tensor *field, const struct prog_tensor *t);

/* How a program is run. */
struct prog_how {
	uint32_t skew;   /* buffers start so many bytes into their guard (a multiple of 16) */
	uint8_t guard;   /* what guard zones hold */
	uint8_t poison;  /* what outputs hold */
	bool graph;      /* capture, then launch the graph, twice */
	uint32_t queues; /* 1 or 2: ops take turns */
	uint64_t timeout_ns;
};

#define PROG_OP_BYTES 1024 /* room of a descriptor: what is past its size is zero */

/* What came of it. */
enum prog_outcome {
	PROG_RAN,
	PROG_REFUSED, /* query_op said NO, launch said -ENOTSUP, nothing was touched */
	PROG_BROKEN   /* `why` says what rule was broken */
};

struct prog_result {
	enum prog_outcome outcome;
	uint8_t **bytes; /* contents of each buffer afterwards; NULL for OPAQUE */
	size_t n;
	uint64_t ns;   /* from the first launch to the end of the wait */
	char why[512]; /* REFUSED: the driver's reason; BROKEN: what went wrong */
};

/*
 * Run `p` on a device. `queues` are two open queues of it. Returns the outcome, also in
 * *out; -errno only when the host ran out of memory.
 */
int prog_run(const struct prog *p, struct queue queues[2], const struct prog_how *how,
	     struct prog_result *out);
void prog_result_finish(struct prog_result *r);

/* The first difference between two results of the same program. */
struct prog_diff {
	bool differs;
	char buf[24];
	uint32_t dtype, plane, row, col;
	uint64_t got, want; /* bits */
	uint64_t ulp;       /* distance; UINT64_MAX when it has no meaning (NaN) */
	uint64_t n_diff, n_total;
};

void prog_compare(const struct prog *p, const struct prog_result *got,
		  const struct prog_result *want, struct prog_diff *out);

/* Element (plane, row, col) of a buffer's bytes, as bits. */
uint64_t prog_element(const struct prog_buf *b, const uint8_t *bytes, uint32_t plane, uint32_t row,
		      uint32_t col);

/* Distance of two codes of a type in units in the last place; UINT64_MAX for NaN. */
uint64_t conform_ulp(uint32_t dtype, uint64_t a, uint64_t b);

/* SHA-256 over every compared element in order, its first 16 bytes as hexadecimal digits. */
#define CONFORM_DIGEST 33
void prog_digest(const struct prog *p, const struct prog_result *r, char out[CONFORM_DIGEST]);

#endif /* CORE_CONFORM_PROG_H */
