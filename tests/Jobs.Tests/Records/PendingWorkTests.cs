using Brownian.Jobs.Costs;
using Brownian.Jobs.Queues;
using Brownian.Jobs.Records;
using Brownian.Models.Plans;
using CsCheck;

namespace Brownian.Jobs.Tests.Records;

/// <summary>Sums of work in the indexes of stores.</summary>
public sealed class PendingWorkTests
{
    [Fact]
    public void Work_is_read_from_its_key_and_sums_as_it_was_written() => Gen.Select(
            Gen.Int[0, 2], Gen.Bool, Gen.Int[0, StageKind.All.Count - 1], Gen.String[Gen.Char["abc -_.|/:"], 0, 20], Gen.Long[0, long.MaxValue],
            Gen.Int[1, 100], Gen.Long[1, 1000])
        .Sample((priority, isRunning, kind, model, pixels, batch, units) =>
        {
            var work = new PendingWork((JobPriority)priority, isRunning, new StageShape(StageKind.All[kind], model, "f", pixels, batch), 3, units);
            Assert.Equal(work, PendingWork.Read(work.Key, 3, units));
        });

    [Theory]
    [InlineData("")]
    [InlineData("standard\nwaiting\ndenoise\nm\nf\n4096")]
    [InlineData("standard\nwaiting\ndenoise\nm\nf\n4096\n2\nmore")]
    [InlineData("standard\nwaiting\ndenoise\nm\nf\nmany\n2")]
    [InlineData("urgent\nwaiting\ndenoise\nm\nf\n4096\n2")]
    [InlineData("standard\nwaiting\npaint\nm\nf\n4096\n2")]
    public void Work_that_a_newer_version_wrote_in_another_form_is_left_out(string key)
    {
        Assert.Null(PendingWork.Read(key, 1, 1));
        var known = new PendingWork(JobPriority.Batch, true, new StageShape("denoise", "m", "f", 1, 2), 2, 9);
        Assert.Equal([known], PendingWork.Sum([(key, 5), (known.Key, 4), (known.Key, 5)]));
    }
}
