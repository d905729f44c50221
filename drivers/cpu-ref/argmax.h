/* SPDX-License-Identifier: Apache-2.0 */
/* argmax.h - shared with sample.c: temperature 0 is argmax. */
#ifndef REF_ARGMAX_H
#define REF_ARGMAX_H

#include <stdint.h>

/* The id that comes first in the order of aios_rank_key(). */
uint32_t ref_argmax(const float *logits, uint32_t n);

#endif /* REF_ARGMAX_H */
