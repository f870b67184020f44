namespace Berth.Benchmarks.Spawn;

/// <summary>A thread that allocates and collects garbage without pause until it is disposed of.</summary>
internal sealed class GcPressure : IDisposable
{
    // Each collection holds up every return from a system call. With too few allocations in between, hardly one gets through from one to the next.
    private const int AllocationsBetween = 5000;

    private readonly Thread thread;
    private readonly int before = GC.CollectionCount(0);
    private volatile bool isStopped;

    public GcPressure()
    {
        thread = new Thread(Work) { Name = "gc-pressure", IsBackground = true };
        thread.Start();
    }

    /// <summary>Collections of the whole process since the thread began.</summary>
    public int Collections => GC.CollectionCount(0) - before;

    /// <inheritdoc/>
    public void Dispose()
    {
        isStopped = true;
        thread.Join();
    }

    // Some of what is allocated survives a few collections, so that each has something to mark, to move and to free.
    private void Work()
    {
        object[] survivors = new object[1000];
        while (!isStopped)
        {
            for (int i = 0; i < AllocationsBetween; i++)
                survivors[i % survivors.Length] = new byte[200];
            GC.Collect();
        }
    }
}
