/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - the two functions of each op, one file per op; see struct ref_op. */
#ifndef REF_OPS_H
#define REF_OPS_H

#include "ref.h"

bool ref_check_embed(struct ref_check *c, const struct aios_op *op);
int ref_run_embed(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_rmsnorm(struct ref_check *c, const struct aios_op *op);
int ref_run_rmsnorm(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_matmul(struct ref_check *c, const struct aios_op *op);
int ref_run_matmul(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_rope_kv(struct ref_check *c, const struct aios_op *op);
int ref_run_rope_kv(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_attention(struct ref_check *c, const struct aios_op *op);
int ref_run_attention(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_glu(struct ref_check *c, const struct aios_op *op);
int ref_run_glu(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_add(struct ref_check *c, const struct aios_op *op);
int ref_run_add(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_gather_rows(struct ref_check *c, const struct aios_op *op);
int ref_run_gather_rows(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_cast(struct ref_check *c, const struct aios_op *op);
int ref_run_cast(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_quantise(struct ref_check *c, const struct aios_op *op);
int ref_run_quantise(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_copy_pages(struct ref_check *c, const struct aios_op *op);
int ref_run_copy_pages(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_logits(struct ref_check *c, const struct aios_op *op);
int ref_run_logits(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_argmax(struct ref_check *c, const struct aios_op *op);
int ref_run_argmax(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_sample(struct ref_check *c, const struct aios_op *op);
int ref_run_sample(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_logprobs(struct ref_check *c, const struct aios_op *op);
int ref_run_logprobs(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_all_reduce(struct ref_check *c, const struct aios_op *op);
int ref_run_all_reduce(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

bool ref_check_all_gather(struct ref_check *c, const struct aios_op *op);
int ref_run_all_gather(struct ref_device *dev, const struct aios_op *op, struct aios_status *st);

#endif /* REF_OPS_H */
