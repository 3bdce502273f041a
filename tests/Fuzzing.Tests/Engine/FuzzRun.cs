using System.Diagnostics;
using System.Text;

namespace Brownian.Fuzzing.Tests.Engine;

/// <summary>
/// Runs the cases of a target on a thread of its own, watched by the caller. A case fails when the product throws an exception that its entry point
/// does not document, takes too long, or allocates too much; the run fails when memory is retained.
/// </summary>
/// <param name="target">The target.</param>
/// <param name="seed">The seed.</param>
internal sealed class FuzzRun(FuzzTarget target, ulong seed) : IDisposable
{
    private const int MaxFaults = 20;

    private readonly Dictionary<string, FuzzFault> _faults = new(StringComparer.Ordinal);
    private readonly ManualResetEventSlim _ended = new();

    /// <summary>The start of the current case, by the stopwatch; 0 between cases.</summary>
    private long _started;
    private FuzzFault? _current;
    private volatile bool _stopped;
    private FuzzReport? _report;

    /// <summary>The longest time of a case.</summary>
    public TimeSpan MaxCase { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The most bytes of managed memory that may be retained, which includes caches of serializers and regular expressions.</summary>
    public long MaxRetained { get; init; } = 16L << 20;

    /// <summary>The most bytes by which the whole process may grow, which includes the collector's free memory and native libraries.</summary>
    public long MaxGrown { get; init; } = 2L << 30;

    /// <summary>Runs the inputs of the corpus unchanged, then cases.</summary>
    /// <param name="corpus">The inputs that showed faults before.</param>
    /// <param name="cases">The number of cases.</param>
    /// <param name="limit">The time after which no case is started.</param>
    /// <param name="first">The number of the first case.</param>
    public FuzzReport Run(IReadOnlyList<(string Name, FuzzInput Input)> corpus, long cases, TimeSpan limit, long first = 0)
    {
        var thread = new Thread(() => RunCases(corpus, cases, limit, first)) { IsBackground = true, Name = "fuzzing " + target.Name };
        thread.Start();
        while (!_ended.Wait(TimeSpan.FromMilliseconds(50)))
        {
            long started = Volatile.Read(ref _started);
            if (started != 0 && Stopwatch.GetElapsedTime(started) > MaxCase && _current is { } current)
            {
                // A thread cannot be ended; it stays behind until the process exits.
                _stopped = true;
                return new FuzzReport
                {
                    Target = target.Name,
                    Seed = seed,
                    Faults = [current with { What = $"takes longer than {MaxCase.TotalSeconds} s" }],
                };
            }
        }
        return _report!;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A thread that hangs still uses the event.
        if (_report is not null)
        {
            _ended.Dispose();
        }
    }

    private void RunCases(IReadOnlyList<(string Name, FuzzInput Input)> corpus, long cases, TimeSpan limit, long first)
    {
        var report = new FuzzReport { Target = target.Name, Seed = seed };
        try
        {
            FuzzInput[] seeds = [.. target.Seeds()];
            var valid = new List<FuzzInput>();
            foreach (FuzzInput input in seeds)
            {
                (Exception? exception, _, _) = RunCase(null, input);
                if (exception is null)
                {
                    valid.Add(input);
                }
                else if (target.AcceptsAllSeeds)
                {
                    Add(new FuzzFault(null, input, "a valid input is refused: " + exception));
                }
            }
            foreach (FuzzInput input in seeds.Where(seed => !valid.Exists(other => other.Kind == seed.Kind)).DistinctBy(seed => seed.Kind))
            {
                Add(new FuzzFault(null, input, "no input of this kind is accepted"));
            }
            foreach ((_, FuzzInput input) in corpus)
            {
                RunCase(null, input);
            }
            var mutation = new InputMutation(target, valid, [.. seeds, .. corpus.Select(entry => entry.Input)]);
            using FileStream current = OpenCurrent();
            var record = new byte[sizeof(long)];
            long memory = GC.GetTotalMemory(forceFullCollection: true), process = Environment.WorkingSet;
            long begin = Stopwatch.GetTimestamp(), accepted = 0, most = 0, number = first;
            double slowest = 0;
            for (; number < first + cases && !_stopped && _faults.Count < MaxFaults && Stopwatch.GetElapsedTime(begin) < limit; number++)
            {
                BitConverter.TryWriteBytes(record, number);
                RandomAccess.Write(current.SafeFileHandle, record, 0);
                FuzzInput input = mutation.Make(new FuzzRandom(seed, target.Name, number));
                (Exception? exception, double seconds, long allocated) = RunCase(number, input);
                accepted += exception is null ? 1 : 0;
                slowest = Math.Max(slowest, seconds);
                most = Math.Max(most, allocated);
            }
            double elapsed = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            report = report with
            {
                Cases = number - first,
                Accepted = accepted,
                Seconds = elapsed,
                Slowest = slowest,
                Allocated = most,
                Retained = GC.GetTotalMemory(forceFullCollection: true) - memory,
                Grown = Environment.WorkingSet - process,
            };
            if (report.Retained > MaxRetained || report.Grown > MaxGrown)
            {
                Add(new FuzzFault(null, new FuzzInput("", []), $"memory is retained: {report}"));
            }
            current.Close();
            File.Delete(current.Name);
        }
        catch (Exception exception)
        {
            // A fault of a target's preparation must not end the process.
            Add(new FuzzFault(null, new FuzzInput("", []), "the target cannot run: " + exception));
        }
        _report = report with { Faults = [.. _faults.Values] };
        _ended.Set();
    }

    private (Exception? Exception, double Seconds, long Allocated) RunCase(long? number, FuzzInput input)
    {
        Exception? thrown = null;
        _current = new FuzzFault(number, input, "");
        long allocated = GC.GetAllocatedBytesForCurrentThread(), started = Stopwatch.GetTimestamp();
        Volatile.Write(ref _started, started);
        try
        {
            target.Run(input);
        }
        catch (Exception exception)
        {
            thrown = exception;
        }
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Volatile.Write(ref _started, 0);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        if (thrown is not null && !target.IsDocumented(thrown))
        {
            Add(new FuzzFault(number, input, "throws " + thrown));
        }
        if (allocated > target.MaxAllocated(input))
        {
            Add(new FuzzFault(number, input,
                $"allocates too much: {allocated} bytes for {input.Bytes.Length}; allowed: {target.MaxAllocated(input)}"));
        }
        return (thrown, seconds, allocated);
    }

    /// <summary>Keeps the first case of each fault: faults are the same when they have the same exception and the same place.</summary>
    private void Add(FuzzFault fault)
    {
        string[] lines = fault.What.Split('\n');
        string place = lines.FirstOrDefault(line => line.TrimStart().StartsWith("at Brownian.", StringComparison.Ordinal)) ?? "";
        var key = new StringBuilder(fault.Input.Kind);
        key.Append(lines[0].AsSpan(0, Math.Min(lines[0].Length, lines[0].IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? colon : 20)));
        key.Append(place);
        _faults.TryAdd(key.ToString(), fault);
    }

    /// <summary>
    /// Opens the file with the number of the current case, from which the case can be run again after it ended the process, as a stack overflow does.
    /// </summary>
    private FileStream OpenCurrent()
    {
        Directory.CreateDirectory(FuzzCorpus.Failed);
        return new FileStream(
            Path.Combine(FuzzCorpus.Failed, target.Name + ".case"), FileMode.Create, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, 1);
    }
}
