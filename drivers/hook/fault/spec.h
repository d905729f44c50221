/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec.h - the grammar of the hook fault, read into rules.
 *
 *	ITEM[,ITEM...]
 *	ITEM   = SLOT '@' N '=' WHAT          the N-th call of the slot, from 1
 *	       | SLOT '%' N '=' WHAT          every N-th call
 *	       | 'flip:' KEY '=' VALUE [',' KEY '=' VALUE ...]
 *	       | 'exhaust:' 'heap=' N ',bytes=' SIZE
 *	SLOT   = alloc query launch copy fill signal wait
 *	         queue_create queue_wait import layout graph_begin graph_end graph_launch
 *	         info heap_info quiesce reset
 *	WHAT   = an errno's name (EIO) | 'lost' | 'delay:' TIME (100ms)
 *	KEYS of flip: op, layer, nth, out, row, col, bit
 */
#ifndef FAULT_SPEC_H
#define FAULT_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include <aios/driver/driver.h>

#define FAULT_MAX_RULES 32
#define FAULT_ANY UINT32_MAX

enum fault_slot {
	FAULT_ALLOC,
	FAULT_QUERY,
	FAULT_LAUNCH,
	FAULT_COPY,
	FAULT_FILL,
	FAULT_SIGNAL,
	FAULT_WAIT,
	FAULT_QUEUE_CREATE,
	FAULT_QUEUE_WAIT,
	FAULT_IMPORT,
	FAULT_LAYOUT,
	FAULT_GRAPH_BEGIN,
	FAULT_GRAPH_END,
	FAULT_GRAPH_LAUNCH,
	FAULT_INFO,
	FAULT_HEAP_INFO,
	FAULT_QUIESCE,
	FAULT_RESET,
	FAULT_SLOT_COUNT
};

enum fault_what {
	FAULT_ERROR, /* the call returns `code` */
	FAULT_LOST,  /* and so do all after it, until reset() */
	FAULT_DELAY, /* the call begins `ns` later */
};

/* Calls `n`, or every n-th. */
struct fault_rule {
	enum fault_slot slot;
	enum fault_what what;
	bool every;
	uint64_t n;
	int code;
	uint64_t ns;
};

/* A bit of an output that is flipped after the launch. */
struct fault_flip {
	uint32_t op;      /* enum aios_op_type */
	uint32_t layer;   /* of the model, or FAULT_ANY */
	uint64_t nth;     /* of the launches that match, from 1 */
	char operand[32]; /* name, or "": the first output */
	uint32_t row, col, bit;
	uint64_t seen;
};

struct fault_limit {
	bool set;
	uint64_t bytes;
};

struct fault_spec {
	struct fault_rule rules[FAULT_MAX_RULES];
	struct fault_flip flips[FAULT_MAX_RULES];
	uint32_t n_rules, n_flips;
	struct fault_limit limits[AIOS_HEAP_COUNT];
};

/* Name of a slot as the grammar spells it. Static. */
const char *fault_slot_name(enum fault_slot slot);

/* Read the arguments of the hook; -EINVAL quotes the item that is wrong and says what was expected. */
int fault_parse(const char *args, struct fault_spec *spec, struct aios_status *st);

#endif /* FAULT_SPEC_H */
