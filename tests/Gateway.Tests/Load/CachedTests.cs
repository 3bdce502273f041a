using Brownian.Gateway.Load;
using Microsoft.Extensions.Time.Testing;

namespace Brownian.Gateway.Tests.Load;

/// <summary>A value that many callers read.</summary>
public sealed class CachedTests
{
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(1);

    private readonly FakeTimeProvider _time = new();
    private readonly List<TaskCompletionSource<int>> _reads = [];
    private readonly Cached<int> _cached;

    public CachedTests()
    {
        _cached = new Cached<int>(
            _ =>
            {
                _reads.Add(new TaskCompletionSource<int>());
                return _reads[^1].Task;
            },
            Age,
            _time);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Callers_share_a_read_until_the_value_is_too_old()
    {
        Task<int> first = _cached.GetAsync(Stop), second = _cached.GetAsync(Stop);
        // A slow read is not begun again.
        _time.Advance(10 * Age);
        Task<int> third = _cached.GetAsync(Stop);
        _reads.Single().SetResult(1);
        int[] values = await Task.WhenAll(first, second, third);
        Assert.Equal([1, 1, 1], values);

        // The age counts from the beginning of the read.
        Task<int> fourth = _cached.GetAsync(Stop);
        _reads[1].SetResult(2);
        Assert.Equal(2, await fourth);
        Assert.Equal(2, await _cached.GetAsync(Stop));
        Assert.Equal(2, _reads.Count);
    }

    [Fact]
    public async Task A_failed_read_is_not_kept()
    {
        Task<int> first = _cached.GetAsync(Stop);
        _reads[0].SetException(new InvalidDataException("damaged"));
        await Assert.ThrowsAsync<InvalidDataException>(() => first);
        Task<int> second = _cached.GetAsync(Stop);
        _reads[1].SetResult(7);
        Assert.Equal(7, await second);
    }

    [Fact]
    public async Task A_caller_that_leaves_does_not_cancel_the_read_of_others()
    {
        using var leaves = new CancellationTokenSource();
        Task<int> first = _cached.GetAsync(leaves.Token), second = _cached.GetAsync(Stop);
        await leaves.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        _reads.Single().SetResult(3);
        Assert.Equal(3, await second);
    }
}
