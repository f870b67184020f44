using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Berth.Benchmarks.Spawn;

/// <summary>What one run of the spawn benchmark does.</summary>
internal sealed record SpawnOptions
{
    /// <summary>How many processes are started, one after the other.</summary>
    public int Count { get; init; } = 1000;

    /// <summary>Processes on the host, without anything of a container.</summary>
    public bool Plain { get; init; }

    /// <summary>Whether a second thread allocates and collects without pause.</summary>
    public bool GcPressure { get; init; }

    /// <summary>The options as arguments, for the worker.</summary>
    public IEnumerable<string> Arguments =>
        ["--count", Count.ToString(CultureInfo.InvariantCulture), .. Plain ? ["--plain"] : Array.Empty<string>(), .. GcPressure ? ["--gc-pressure"] : Array.Empty<string>()];

    /// <summary>Reads the arguments after the verb.</summary>
    public static bool TryParse(ReadOnlySpan<string> arguments, [NotNullWhen(true)] out SpawnOptions? options, [NotNullWhen(false)] out string? error)
    {
        options = new SpawnOptions();
        error = null;
        for (int i = 0; i < arguments.Length && error is null; i++)
        {
            switch (arguments[i])
            {
                case "--plain":
                    options = options with { Plain = true };
                    break;
                case "--gc-pressure":
                    options = options with { GcPressure = true };
                    break;
                case "--count" when i + 1 < arguments.Length && int.TryParse(arguments[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0:
                    options = options with { Count = count };
                    i++;
                    break;
                case "--count":
                    error = "--count needs a number of starts, at least 1";
                    break;
                default:
                    error = $"unknown argument '{arguments[i]}'";
                    break;
            }
        }

        if (error is null)
            return true;
        options = null;
        return false;
    }
}
