/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operand.h - what a descriptor points to, as a list: one row for each address in
 * it, with the memory's shape, type and whether the op reads or writes it. Hooks
 * know ops only through this table.
 */
#ifndef HOOK_OPERAND_H
#define HOOK_OPERAND_H

#include <aios/op.h>

#define HOOK_MAX_OPERANDS 24
#define HOOK_NO_ALIAS UINT32_MAX

/* Flags of an operand. */
enum {
	HOOK_READ = 1,
	HOOK_WRITE = 2,
	HOOK_SCRATCH = 4,     /* contents mean nothing before and after */
	HOOK_WEIGHT = 8,      /* the same for many launches: weights, rope tables */
	HOOK_PAGES = 16,      /* a KV cache; its rows are pages, of which an op uses some */
	HOOK_BY_PARAMS = 32,  /* how long it is stands in the op's sampling rows */
	HOOK_ANY_LAYOUT = 64, /* may have a layout of the driver's own */
	HOOK_TENSOR = 128,    /* `field` is where a struct aios_tensor begins */
	HOOK_OPTIONAL = 256,  /* address 0 says that it is absent */
	HOOK_STRIDED = 512    /* row_bytes is the caller's: a multiple of 16 */
};

/*
 * rows x cols elements; row r begins at addr + r * row_bytes. I8X2 has a second
 * plane at plane_bytes. Arrays of structs have U8 columns.
 */
struct hook_operand {
	const char *name; /* "x", "x.scale", "batch.positions"; static */
	uint32_t flags;
	uint32_t field; /* where its address stands in the descriptor */
	uint32_t types; /* allowed: bit 1 << dtype */
	uint32_t dtype, layout, rows, cols;
	uint32_t alias; /* the operand that it may be exactly the same memory as, or NO_ALIAS */
	uint64_t row_bytes, plane_bytes;
	aios_addr addr;
};

struct hook_operands {
	uint32_t n;
	struct hook_operand v[HOOK_MAX_OPERANDS];
};

/* Bytes of a type's descriptor in this ABI; 0 for a type that does not exist. */
uint32_t hook_op_size(uint32_t type);

/* List the operands of a descriptor; false when its type is unknown or its size too small. */
bool hook_operands(const struct aios_op *op, struct hook_operands *out);

/*
 * Bytes from the first element to the end of the last; 0 when there is none or the
 * layout is the driver's, UINT64_MAX when 64 bits do not hold it.
 */
uint64_t hook_operand_bytes(const struct hook_operand *o);

/* Bytes of one row's elements, and how many planes there are. */
uint64_t hook_operand_row(const struct hook_operand *o);
uint32_t hook_operand_planes(const struct hook_operand *o);

/* Do two operands share an element's memory? Views side by side in wider rows do not. */
bool hook_operand_overlap(const struct hook_operand *a, const struct hook_operand *b);

/* The batch or the KV cache of an op, or NULL when it has none. */
struct aios_batch *hook_op_batch(struct aios_op *op);
struct aios_kv_layer *hook_op_kv(struct aios_op *op);

/* Keys that a row sees: 1 for rope_kv (its own), the window of attention, 0: all. */
uint32_t hook_op_window(const struct aios_op *op);

/* The address that an operand has in a descriptor. */
aios_addr hook_get_addr(const struct aios_op *op, uint32_t field);
void hook_set_addr(struct aios_op *op, uint32_t field, aios_addr addr);

/* Index of the operand called `name`, or -1. */
int hook_find_operand(const struct hook_operands *list, const char *name);

#endif /* HOOK_OPERAND_H */
