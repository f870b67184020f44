using System.Diagnostics;

namespace Berth.EndToEnd.Tests.Support;

internal static class Poll
{
    /// <summary>Waits until a condition holds; fails with <paramref name="what"/> when it does not in time.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, int seconds = 10)
    {
        var clock = Stopwatch.StartNew();
        while (!await condition())
        {
            Assert.True(clock.Elapsed.TotalSeconds < seconds, $"not within {seconds} s: {what}");
            await Task.Delay(20);
        }
    }

    public static Task UntilAsync(Func<bool> condition, string what, int seconds = 10) => UntilAsync(() => Task.FromResult(condition()), what, seconds);
}
