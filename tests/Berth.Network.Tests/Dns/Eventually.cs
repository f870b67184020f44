using System.Runtime.CompilerServices;

namespace Berth.Network.Tests.Dns;

/// <summary>Waits for what other threads do.</summary>
internal static class Eventually
{
    /// <summary>More than anything here takes on a machine that others use too.</summary>
    public static readonly TimeSpan Most = TimeSpan.FromSeconds(60);

    public static async Task IsTrueAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        using var time = new CancellationTokenSource(Most);
        while (!condition())
        {
            Assert.False(time.IsCancellationRequested, $"not within {Most.TotalSeconds:0} seconds: {text}");
            await Task.Delay(5);
        }
    }
}
