// SPDX-License-Identifier: Apache-2.0
/*
 * fair.c - weighted fair queueing over tenants, by device time. A tenant's virtual
 * time is the device time that its requests used, divided by its weight; the tenant
 * that is furthest behind is served next, its own requests in the order of arrival.
 *
 * What a request will use is not known when it is admitted. It is charged its
 * tenant's mean in advance, which later charges use up and its end gives back, so
 * that many admissions in one step do not look free. A tenant that comes back from
 * idleness begins at the virtual time of the tenant served last: time that
 * was not asked for is not saved up.
 *
 * Bound: between two tenants that have requests queued all the time and no quota
 * that holds them back, device time over weight differs by at most
 * max_running * C / (the smaller weight) more than when both began, C being the
 * device time of the largest request: that much is decided and not yet counted.
 * So a tenant of weight w waits, for one admission, for at most
 * (W / w + 1) * max_running * C of device time, W the sum of all weights: any number
 * of requests of one tenant delays another's no more than that.
 */
#include "base.h"

#define MEAN_OF 16.0 /* requests that a tenant's mean goes back to */

static bool tenant_before(const struct sched *s, const struct tenant *a, const struct tenant *b,
			  bool *equal)
{
	(void)s;
	*equal = !(a->virtual_ns < b->virtual_ns) && !(b->virtual_ns < a->virtual_ns);
	return a->virtual_ns < b->virtual_ns;
}

static const struct tenant *tenant_of(const struct sched *s, const struct item *i)
{
	return &s->tenants[i->request.tenant];
}

/* The tenant that is furthest ahead loses first, its latest request before the others. */
static bool worse(const struct sched *s, const struct item *a, const struct item *b)
{
	bool equal = true, before = false;

	if (a->request.tenant != b->request.tenant)
		before = tenant_before(s, tenant_of(s, b), tenant_of(s, a), &equal);
	return equal ? item_before(b, a) : before;
}

static bool alike(const struct sched *s, const struct item *a, const struct item *b)
{
	(void)s;
	return a->request.tenant == b->request.tenant;
}

static void awakes(struct sched *s, struct tenant *t)
{
	if (t->virtual_ns < s->virtual_ns)
		t->virtual_ns = s->virtual_ns;
}

static void admits(struct sched *s, struct tenant *t, struct item *i)
{
	if (s->virtual_ns < t->virtual_ns)
		s->virtual_ns = t->virtual_ns;
	i->prepaid = t->mean_ns > i->charged ? t->mean_ns - i->charged : 0;
	t->virtual_ns += i->prepaid / t->limits.weight;
}

static void charges(struct sched *s, struct tenant *t, struct item *i, uint64_t device_ns)
{
	double used = (double)device_ns, paid = used < i->prepaid ? used : i->prepaid;

	(void)s;
	i->charged += used;
	i->prepaid -= paid;
	t->virtual_ns += (used - paid) / t->limits.weight;
}

static void leaves(struct sched *s, struct tenant *t, struct item *i, bool ended)
{
	(void)s;
	t->virtual_ns -= i->prepaid / t->limits.weight;
	i->prepaid = 0;
	if (!ended)
		return;
	if (t->mean_ns > 0)
		t->mean_ns += (i->charged - t->mean_ns) / MEAN_OF;
	else
		t->mean_ns = i->charged;
}

/* Its tenant's requests, each with those that others have served meanwhile. */
static uint64_t ahead(const struct sched *s, const struct aios_sched_request *r)
{
	const struct tenant *t = &s->tenants[r->tenant];
	double weights = t->queue.n ? s->weights : s->weights + t->limits.weight;
	double n = (double)t->queue.n * weights / t->limits.weight;

	return n < (double)s->n_queued ? (uint64_t)n : s->n_queued;
}

static const struct policy policy = {
	.tenant_before = tenant_before,
	.worse = worse,
	.alike = alike,
	.ahead = ahead,
	.awakes = awakes,
	.admits = admits,
	.charges = charges,
	.leaves = leaves,
};

static int open(const struct aios_host *host, const struct aios_sched_limits *limits, void **sched,
		struct aios_status *st)
{
	return sched_open(&policy, host, limits, sched, st);
}

static const struct aios_scheduler_ops ops = SCHED_OPS(open);

AIOS_MODULE_INFO(license, "Apache-2.0");
AIOS_MODULE_INFO(description, "Weighted fair shares of device time for tenants");
AIOS_SCHEDULER(fair, "fair", &ops, NULL, 0);
