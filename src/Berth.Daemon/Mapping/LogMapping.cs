using System.Globalization;
using Berth.Api;
using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Daemon.Mapping;

/// <summary>From <c>HostConfig.LogConfig</c> to the engine's log options.</summary>
internal static class LogMapping
{
    private const int MaxFiles = 1000;

    private static readonly HashSet<string> DockersOther = ["awslogs", "etwlogs", "fluentd", "gcplogs", "gelf", "journald", "local", "splunk", "syslog"];

    /// <exception cref="EngineException">NotImplemented or InvalidArgument naming the driver or option.</exception>
    public static LogOptions Map(LogConfig log)
    {
        string driver = log.Type.Length == 0 ? "json-file" : log.Type;
        if (driver is not ("json-file" or "none"))
        {
            throw DockersOther.Contains(driver)
                ? UnbuiltOptions.Value("HostConfig.LogConfig.Type", driver)
                : new EngineException(ErrorKind.InvalidArgument, $"error looking up logging plugin {driver}: plugin \"{driver}\" not found");
        }

        var options = new LogOptions { Driver = driver, Options = log.Config ?? [] };
        foreach ((string name, string value) in options.Options)
        {
            options = name switch
            {
                "max-size" => options with { MaxBytes = ParseSize(value) },
                "max-file" => options with
                {
                    MaxFiles = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int files) && files is >= 1 and <= MaxFiles
                        ? files
                        : throw new EngineException(ErrorKind.InvalidArgument, $"invalid log-opt max-file \"{value}\": wanted a number from 1 to {MaxFiles}"),
                },
                "labels" or "env" => options, // LogAttributes reads them
                "mode" when value == "blocking" => options, // which is what there is
                "mode" or "max-buffer-size" or "compress" or "labels-regex" or "env-regex" or "tag" =>
                    throw UnbuiltOptions.Value($"HostConfig.LogConfig.Config.{name}", value),
                _ => throw new EngineException(ErrorKind.InvalidArgument, $"unknown log opt '{name}' for {driver} log driver"),
            };
        }

        return options;
    }

    // Docker's units are powers of 1000 in log options, 10m is 10,000,000 bytes, whether an i follows or not: NUMBER[ ][kmgtp][i][b], in any case.
    private static long ParseSize(string text)
    {
        ReadOnlySpan<char> rest = text.AsSpan(text.AsSpan().IndexOfAnyExceptInRange('0', '9') is var end && end < 0 ? text.Length : end);
        if (rest is ['.', >= '0' and <= '9', ..])
        {
            rest = rest[1..].TrimStart("0123456789");
        }

        ReadOnlySpan<char> digits = text.AsSpan(0, text.Length - rest.Length);
        rest = rest is [' ', ..] ? rest[1..] : rest;
        decimal unit = rest.IsEmpty ? 1 : char.ToLowerInvariant(rest[0]) switch
        {
            'k' => 1_000,
            'm' => 1_000_000,
            'g' => 1_000_000_000,
            't' => 1_000_000_000_000,
            'p' => 1_000_000_000_000_000,
            _ => 1,
        };
        rest = unit == 1 ? rest : rest[1..];
        rest = rest is ['i' or 'I', ..] ? rest[1..] : rest;
        if (digits is not [>= '0' and <= '9', ..] || rest is not ([] or ['b' or 'B']))
        {
            throw new EngineException(ErrorKind.InvalidArgument, $"log-opt max-size: invalid size: '{text}'");
        }

        return decimal.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number) && number < long.MaxValue / unit && number * unit >= 1
            ? (long)(number * unit)
            : throw new EngineException(ErrorKind.InvalidArgument, $"log-opt max-size \"{text}\": max-size must be a positive number of bytes below 2^63");
    }
}
