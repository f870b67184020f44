using System.Globalization;

namespace Berth.Benchmarks;

/// <summary>Durations of one kind and what is said of them.</summary>
internal sealed class Figures(string name)
{
    private readonly List<TimeSpan> samples = [];

    public void Add(TimeSpan sample) => samples.Add(sample);

    /// <summary>One line: least, median, 99th percentile and most, in milliseconds.</summary>
    public override string ToString()
    {
        if (samples.Count == 0)
            return $"{name}: none";
        samples.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{name}: min {At(0):F2}, p50 {At(50):F2}, p99 {At(99):F2}, max {At(100):F2} ms");
    }

    /// <summary>The median in milliseconds.</summary>
    public double Median
    {
        get
        {
            samples.Sort();
            return At(50);
        }
    }

    private double At(int percent) => samples[Math.Min(samples.Count * percent / 100, samples.Count - 1)].TotalMilliseconds;
}
