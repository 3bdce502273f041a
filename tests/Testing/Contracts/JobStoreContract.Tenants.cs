using Brownian.Jobs.Access;
using Brownian.Jobs.Costs;
using Brownian.Jobs.Records;
using Brownian.Testing.Nodes;

namespace Brownian.Testing.Contracts;

/// <summary>What a store counts for tenants.</summary>
public abstract partial class JobStoreContract
{
    private const long JobSteps = 1000;

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(1);

    private DateOnly Today => DateOnly.FromDateTime(Store.Clock.GetUtcNow().UtcDateTime);

    [Fact]
    public async Task A_request_beyond_a_quota_of_jobs_is_refused_until_a_job_ends_and_other_tenants_are_not()
    {
        var two = new Admission(new TenantQuotas(Jobs: 2), 0);
        StoredJob first = await AdmittedAsync("acme", two);
        await AdmittedAsync("acme", two);
        QuotaRefusal refused = await RefusedAsync("acme", two);
        Assert.Equal((QuotaKind.Jobs, 2), (refused.Kind, refused.Held));
        Assert.True(refused.RetryAfter > TimeSpan.Zero);
        await AdmittedAsync("other", two);
        await AdmittedAsync(Tenant.Default, two);

        await Store.WrittenAsync(first, JobRules.Cancel(first, Now, Policy));

        await AdmittedAsync("acme", two);
        Assert.Equal(2, (await Store.HeldAsync("acme", Cancelled)).Jobs);
        Assert.Equal(QuotaKind.Jobs, (await RefusedAsync("acme", new Admission(new TenantQuotas(Jobs: 0), 0))).Kind);
    }

    [Fact]
    public async Task Requests_in_a_minute_are_bounded_and_a_refusal_has_the_time_until_the_oldest_is_a_minute_old()
    {
        var three = new Admission(new TenantQuotas(RequestsPerMinute: 3), 0);
        for (int i = 0; i < 3; i++)
        {
            StoredJob job = await AdmittedAsync("acme", three);
            await Store.WrittenAsync(job, JobRules.Cancel(job, Now, Policy));
        }
        QuotaRefusal refused = await RefusedAsync("acme", three);
        Assert.Equal((QuotaKind.RequestsPerMinute, 3), (refused.Kind, refused.Held));
        Assert.InRange(refused.RetryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Equal(
            QuotaKind.RequestsPerMinute,
            (await Assert.ThrowsAsync<QuotaExceededException>(() => Store.AdmitAsync(Direct("acme"), three, Lease, Cancelled))).Refusal.Kind);
        QuotaRefusal one = await RefusedAsync("acme", new Admission(new TenantQuotas(RequestsPerMinute: 1), 0));
        Assert.InRange(one.RetryAfter, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));
        Assert.Equal(
            TimeSpan.FromMinutes(1), (await RefusedAsync("acme", new Admission(new TenantQuotas(RequestsPerMinute: 0), 0))).RetryAfter);
        await AdmittedAsync("other", three);
        await AdmittedAsync("acme", Admission.Free);
        Assert.Equal(3, (await Store.HeldAsync("acme", Cancelled)).RequestsInMinute);
    }

    [Fact]
    public async Task Pixel_steps_of_a_day_are_bounded_and_those_that_a_cancelled_job_did_not_use_are_returned()
    {
        var bound = new Admission(new TenantQuotas(PixelStepsPerDay: (2 * JobSteps) + 500), 0);
        StoredJob first = await AdmittedAsync("acme", bound);
        await AdmittedAsync("acme", bound);
        QuotaRefusal refused = await RefusedAsync("acme", bound);
        Assert.Equal((QuotaKind.PixelStepsPerDay, 2 * JobSteps), (refused.Kind, refused.Held));
        Assert.InRange(refused.RetryAfter, TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1));

        // A quarter of the evaluations are made.
        StoredJob running = await Store.WrittenAsync(first, JobRules.Take(first, "worker", Now, Policy));
        running = await Store.WrittenAsync(running, new JobChange(running.Record with { Stage = 1 }, []));
        running = await Store.WrittenAsync(running, JobRules.Report(running, 1, new JobProgress(0, 1, 1, 4), Now));
        await Store.WrittenAsync(running, JobRules.Cancel(running, Now, Policy));

        Assert.Equal(JobSteps + (JobSteps / 4), (await Store.HeldAsync("acme", Cancelled)).PixelStepsToday);
        await AdmittedAsync("acme", bound);
        TenantUsage usage = Assert.Single(await Store.UsageAsync(Today, Today, "acme", Cancelled));
        Assert.Equal(new TenantUsage("acme", Today, 3, 0, 0, 1, 0, (2 * JobSteps) + (JobSteps / 4)), usage);
    }

    [Fact]
    public async Task The_bytes_of_images_and_files_count_from_their_creation_until_the_job_is_removed()
    {
        StoredJob job = await AdmittedAsync("acme", Admission.Free, fileBytes: 40);
        Assert.Equal(40, await Store.ImageBytesAsync("acme", Cancelled));
        StoredJob running = await Store.WrittenAsync(job, JobRules.Take(job, "worker", Now, Policy));
        var artifact = new JobArtifact(job.Definition.Id + "-0", 0, 1, 8, 8, "image/png", 100, "");
        running = await Store.WrittenAsync(running, JobRules.AddArtifact(running, 1, artifact, Now));
        Assert.Equal(140, await Store.ImageBytesAsync("acme", Cancelled));
        Assert.Equal(0, await Store.ImageBytesAsync("other", Cancelled));
        QuotaRefusal refused = await RefusedAsync("acme", new Admission(new TenantQuotas(StoredBytes: 200), 60));
        Assert.Equal((QuotaKind.StoredBytes, 200), (refused.Kind, refused.Held));
        await AdmittedAsync("acme", new Admission(new TenantQuotas(StoredBytes: 200), 59));

        running = await Store.WrittenAsync(running, JobRules.Cancel(running, Now, Policy));
        Assert.Equal(140, await Store.ImageBytesAsync("acme", Cancelled));
        await Store.RemoveAsync(job.Definition.Id, Cancelled);
        Assert.Equal(0, await Store.ImageBytesAsync("acme", Cancelled));
    }

    [Fact]
    public async Task The_entry_of_the_audit_log_is_written_with_the_job_and_not_when_nothing_is_created()
    {
        var entry = new AuditEntry(Now, "key:1", "acme", "job.submit", "job", "address");
        var one = new Admission(new TenantQuotas(Jobs: 1), 0, entry);
        StoredJob job = await AdmittedAsync("acme", one);
        AuditEntry written = Assert.Single((await Audit.ReadAsync(null, null, 10, Cancelled)).Entries);
        Assert.Equal(entry with { Time = written.Time }, written);
        Assert.Equal(entry.Time, written.Time, TimeSpan.FromMilliseconds(1));

        Assert.NotNull(await Store.CreateAsync(job, one, Cancelled));
        await RefusedAsync("acme", one);
        await AdmittedAsync("acme", Admission.Free);
        Assert.Single((await Audit.ReadAsync(null, null, 10, Cancelled)).Entries);
    }

    [Fact]
    public async Task A_submission_that_was_abandoned_counts_for_nothing()
    {
        var one = new Admission(new TenantQuotas(Jobs: 1, PixelStepsPerDay: JobSteps), 0);
        StoredJob job = await AdmittedAsync("acme", one);
        await Store.WrittenAsync(job, JobRules.Abandon(job, Now, Policy));
        await Store.RemoveAsync(job.Definition.Id, Cancelled);
        Assert.Equal(new TenantHeld(0, 0, 0, 0), await Store.HeldAsync("acme", Cancelled));
        Assert.Equal(0, Assert.Single(await Store.UsageAsync(Today, Today, null, Cancelled)).Requests);
        await AdmittedAsync("acme", one);
    }

    [Fact]
    public async Task A_direct_call_counts_like_a_job_until_it_ends_or_its_lease_does()
    {
        var one = new Admission(new TenantQuotas(Jobs: 1), 0);
        DirectCall call = Direct("acme"), dead = Direct("acme");
        long day = await Store.AdmitAsync(call, one, Lease, Cancelled);
        Assert.Equal(QuotaKind.Jobs, (await RefusedAsync("acme", one)).Kind);
        await Store.EndAsync(call, day, UsageOutcome.Cancelled, 2, 300, Cancelled);
        // The gateway of this call dies.
        TimeSpan brief = TimeSpan.FromMilliseconds(100);
        await Store.AdmitAsync(dead, one, brief, Cancelled);
        await Store.RenewAsync(dead, brief, Cancelled);
        await Eventually.TrueAsync(async () => (await Store.HeldAsync("acme", Cancelled)).Jobs == 0, "the lease ends");
        // A lease that has ended is not renewed by a call that was forgotten.
        StoredJob job = await AdmittedAsync("acme", one);
        Assert.Equal(1, (await Store.HeldAsync("acme", Cancelled)).Jobs);
        await Store.WrittenAsync(job, JobRules.Cancel(job, Now, Policy));
        TenantUsage usage = Assert.Single(await Store.UsageAsync(Today, Today, "acme", Cancelled));
        Assert.Equal((3, 2, 2, (2 * JobSteps) - 300), (usage.Requests, usage.Cancelled, usage.Images, usage.PixelSteps));
    }

    [Fact]
    public async Task Concurrent_requests_fill_the_quotas_and_exceed_none()
    {
        var admission = new Admission(new TenantQuotas(RequestsPerMinute: 20, Jobs: 10, PixelStepsPerDay: 15 * JobSteps), 0);
        for (int round = 0; round < 3; round++)
        {
            string tenant = $"tenant-{round}";
            (StoredJob Job, bool Admitted)[] requests = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => Task.Run(async () =>
            {
                StoredJob job = NewOf(tenant);
                try
                {
                    await Store.CreateAsync(job, admission, Cancelled);
                    return (job, true);
                }
                catch (QuotaExceededException)
                {
                    return (job, false);
                }
            })));
            Assert.Equal(10, requests.Count(one => one.Admitted));
            // Nothing refused leaves anything behind.
            TenantHeld held = await Store.HeldAsync(tenant, Cancelled);
            Assert.Equal((10, 10, 10 * JobSteps), (held.RequestsInMinute, held.Jobs, held.PixelStepsToday));
            Assert.All(
                await Task.WhenAll(
                    requests.Where(one => !one.Admitted).Select(one => Store.FindAsync(one.Job.Definition.Id, Cancelled))),
                Assert.Null);
        }
    }

    [Fact]
    public async Task A_listing_of_a_tenant_contains_its_jobs_only_and_the_default_one_has_those_of_older_versions()
    {
        StoredJob own = await AdmittedAsync("acme", Admission.Free), second = await AdmittedAsync("acme", Admission.Free);
        StoredJob open = await AdmittedAsync(Tenant.Default, Admission.Free);
        await AdmittedAsync("other", Admission.Free);
        // Ids of the same millisecond have any order.
        Assert.Equal(((string[])[second.Definition.Id, own.Definition.Id]).OrderDescending(StringComparer.Ordinal), await IdsAsync("acme"));
        Assert.Equal([open.Definition.Id], await IdsAsync(Tenant.Default));
        Assert.Equal(4, (await Store.ListAsync(new JobQuery { Phases = [JobPhase.Submitting] }, Cancelled)).Jobs.Count);
        await Store.RemoveAsync(second.Definition.Id, Cancelled);
        Assert.Equal([own.Definition.Id], await IdsAsync("acme"));
    }

    [Fact]
    public async Task Keys_of_two_tenants_are_never_the_same()
    {
        StoredJob own = NewOf("acme", key: "key"), other = NewOf("other", key: "key"), open = NewOf(Tenant.Default, key: "key");
        foreach (StoredJob job in (StoredJob[])[own, other, open, NewOf(Tenant.Default, key: own.Definition.StoredKey)])
        {
            Assert.Null(await Store.CreateAsync(job, Cancelled));
        }
        Assert.Equal(own.Definition.Id, (await Store.FindByKeyAsync(JobDefinition.KeyOf("acme", "key"), Cancelled))!.Definition.Id);
        Assert.Equal(other.Definition.Id, (await Store.FindByKeyAsync(JobDefinition.KeyOf("other", "key"), Cancelled))!.Definition.Id);
        Assert.Equal(open.Definition.Id, (await Store.FindByKeyAsync("key", Cancelled))!.Definition.Id);
    }

    private static DirectCall Direct(string tenant) => new(Guid.NewGuid().ToString("n"), tenant, JobSteps);

    private StoredJob NewOf(string tenant, long fileBytes = 0, string? key = null)
    {
        StoredJob job = TestJobs.New(Now, key: key);
        return job with
        {
            Definition = job.Definition with
            {
                Tenant = Tenant.ToStored(tenant),
                PixelSteps = JobSteps,
                FileBytes = fileBytes,
                Work = [new StageWork(0, 1, 1), new StageWork(64, 1, 4), new StageWork(64, 1, 1)],
            },
        };
    }

    private async Task<StoredJob> AdmittedAsync(string tenant, Admission admission, long fileBytes = 0)
    {
        StoredJob job = NewOf(tenant, fileBytes);
        Assert.Null(await Store.CreateAsync(job, admission, Cancelled));
        return job;
    }

    private async Task<QuotaRefusal> RefusedAsync(string tenant, Admission admission) =>
        (await Assert.ThrowsAsync<QuotaExceededException>(() => Store.CreateAsync(NewOf(tenant), admission, Cancelled))).Refusal;

    private async Task<string[]> IdsAsync(string tenant) =>
    [
        .. (await Store.ListAsync(new JobQuery { Tenant = tenant, Phases = [JobPhase.Submitting] }, Cancelled)).Jobs
            .Select(job => job.Definition.Id),
    ];
}
