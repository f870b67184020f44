using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace Berth.Storage.Layers.Trees;

/// <summary>
/// Recursion into trees that containers make as deep as they like. <see cref="MergedLevel.Descend"/> bounds them at some 2,000 levels, which is more than the
/// stack of a pool's thread may hold.
/// </summary>
internal static class DeepStack
{
    private const int FurtherStack = 16 << 20;

    /// <summary>Runs <paramref name="walk"/>, on a thread of its own where little of this one's stack is left, and waits for it. What it throws comes through.</summary>
    public static void Run(Action walk)
    {
        if (RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            walk();
            return;
        }

        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                try
                {
                    walk();
                }
                catch (Exception exception)
                {
                    failure = ExceptionDispatchInfo.Capture(exception); // thrown again by the thread that waits
                }
            },
            FurtherStack);
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
