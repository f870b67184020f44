using System.Globalization;
using System.Text;

namespace Berth.Cli.Formatting.Values;

/// <summary>A method that templates may call: the types of its arguments and what it does.</summary>
internal sealed record GoMethod(IReadOnlyList<GoType> Parameters, Func<IReadOnlyList<GoValue>, GoValue> Invoke);

/// <summary>The methods of the API's types that are of use in formats.</summary>
internal static class GoMethods
{
    /// <summary>The type of the titles of a table's columns.</summary>
    public const string HeaderType = "formatter.SubHeaderContext";

    private const long Second = 1_000_000_000;

    /// <summary>The method of that name; null when the value has none.</summary>
    public static GoMethod? Find(GoValue receiver, string name)
    {
        if (receiver.Data is GoTime time)
            return OfTime(time, name);

        string? text = receiver.Kind == GoKind.String ? receiver.Text : null;
        return receiver.Type.Name switch
        {
            HeaderType when name == "Label" => new GoMethod([GoType.String], arguments => GoValue.Of(LabelTitle(arguments[0].Text))),
            "time.Duration" => OfDuration(receiver.Int, name),
            "nat.Port" => OfPort(text!, name), // these are strings
            "digest.Digest" => OfDigest(text!, name), // these are strings
            "json.Number" => name == "String" ? Plain(GoValue.Of(text!)) : null, // these are strings
            "container.NetworkMode" => OfNetworkMode(text!, name), // these are strings
            "container.IpcMode" or "container.PidMode" or "container.UTSMode" or "container.UsernsMode" or "container.CgroupnsMode" or "container.CgroupSpec" =>
                OfNamespaceMode(text!, name), // these are strings
            "container.RestartPolicy" => OfRestartPolicy(receiver.Items[0].Text, name),
            _ => null,
        };
    }

    /// <summary>What a type's String method says; null for types without one.</summary>
    public static string? AsString(GoValue value) => value switch
    {
        { Data: GoTime time } => time.ToString(),
        { Type.Name: "time.Duration" } => Duration(value.Int),
        { Type.Name: "fs.FileMode" } => FileMode(value.Uint),
        { Kind: GoKind.Pointer, Data: GoValue target } => AsString(target),
        _ => null,
    };

    private static GoMethod Plain(GoValue result) => new([], _ => result);

    /// <summary>A label's column is titled by the last part of its key.</summary>
    private static string LabelTitle(string label) =>
        label[(label.LastIndexOf('.') + 1)..].Replace('-', ' ').Replace('_', ' ');

    private static GoMethod? OfTime(GoTime time, string name) => name switch
    {
        "Format" => new GoMethod([GoType.String], arguments => GoValue.Of(time.Format(arguments[0].Text))),
        "String" => Plain(GoValue.Of(time.ToString())),
        "IsZero" => Plain(GoValue.Of(time.IsZero)),
        "Unix" => Plain(GoValue.Of(time.Second.ToUnixTimeSeconds())),
        "UnixMilli" => Plain(GoValue.Of(time.Second.ToUnixTimeMilliseconds() + time.Nanoseconds / 1_000_000)),
        "UnixNano" => Plain(GoValue.Of(unchecked(time.Second.ToUnixTimeSeconds() * Second + time.Nanoseconds))),
        "Year" => Plain(GoValue.Of(time.Second.Year)),
        "Day" => Plain(GoValue.Of(time.Second.Day)),
        "YearDay" => Plain(GoValue.Of(time.Second.DayOfYear)),
        "Hour" => Plain(GoValue.Of(time.Second.Hour)),
        "Minute" => Plain(GoValue.Of(time.Second.Minute)),
        "Second" => Plain(GoValue.Of(time.Second.Second)),
        "Nanosecond" => Plain(GoValue.Of(time.Nanoseconds)),
        "Month" => Plain(new GoValue(new GoType("time.Month", GoKind.String), time.Format("January"))),
        "Weekday" => Plain(new GoValue(new GoType("time.Weekday", GoKind.String), time.Format("Monday"))),
        "UTC" => Plain(new GoValue(GoType.Time, new GoTime(time.Second.ToUniversalTime(), time.Nanoseconds))),
        "Local" => Plain(new GoValue(GoType.Time, new GoTime(time.Second.ToLocalTime(), time.Nanoseconds))),
        _ => null,
    };

    private static GoMethod? OfDuration(long value, string name) => name switch
    {
        "String" => Plain(GoValue.Of(Duration(value))),
        "Nanoseconds" => Plain(GoValue.Of(value)),
        "Microseconds" => Plain(GoValue.Of(value / 1_000)),
        "Milliseconds" => Plain(GoValue.Of(value / 1_000_000)),
        "Seconds" => Plain(new GoValue(GoType.Float, value / 1e9)),
        "Minutes" => Plain(new GoValue(GoType.Float, value / 60e9)),
        "Hours" => Plain(new GoValue(GoType.Float, value / 3600e9)),
        _ => null,
    };

    private static GoMethod? OfPort(string port, string name)
    {
        int slash = port.IndexOf('/');
        string number = slash < 0 ? port : port[..slash];
        _ = int.TryParse(number.Split('-')[0], NumberStyles.None, CultureInfo.InvariantCulture, out int value);
        return name switch
        {
            "Port" => Plain(GoValue.Of(number)),
            "Proto" => Plain(GoValue.Of(slash < 0 ? "tcp" : port[(slash + 1)..])),
            "Int" => Plain(GoValue.Of(value)),
            _ => null,
        };
    }

    private static GoMethod? OfDigest(string digest, string name)
    {
        int colon = digest.IndexOf(':');
        return name switch
        {
            "String" => Plain(GoValue.Of(digest)),
            "Encoded" or "Hex" => Plain(GoValue.Of(digest[(colon + 1)..])),
            "Algorithm" => Plain(new GoValue(new GoType("digest.Algorithm", GoKind.String), digest[..Math.Max(colon, 0)])),
            _ => null,
        };
    }

    private static GoMethod? OfNetworkMode(string mode, string name)
    {
        bool container = mode.StartsWith("container:", StringComparison.Ordinal);
        bool user = !container && mode is not ("default" or "bridge" or "host" or "none");
        return name switch
        {
            "IsUserDefined" => Plain(GoValue.Of(user)),
            "UserDefined" => Plain(GoValue.Of(user ? mode : "")),
            "IsPrivate" => Plain(GoValue.Of(mode != "host" && !container)),
            "IsDefault" => Plain(GoValue.Of(mode == "default")),
            "IsBridge" => Plain(GoValue.Of(mode == "bridge")),
            "IsNone" => Plain(GoValue.Of(mode == "none")),
            "NetworkName" => Plain(GoValue.Of(container ? "container" : mode is "host" or "none" or "bridge" or "default" ? mode : user ? mode : "")),
            "ConnectedContainer" => Plain(GoValue.Of(container ? mode[10..] : "")),
            "IsHost" or "IsContainer" => OfNamespaceMode(mode, name),
            _ => null,
        };
    }

    private static GoMethod? OfNamespaceMode(string mode, string name) => name switch
    {
        "IsHost" => Plain(GoValue.Of(mode == "host")),
        "IsContainer" => Plain(GoValue.Of(mode.StartsWith("container:", StringComparison.Ordinal))),
        "Container" => Plain(GoValue.Of(mode.StartsWith("container:", StringComparison.Ordinal) ? mode[10..] : "")),
        "IsEmpty" => Plain(GoValue.Of(mode.Length == 0)),
        "IsShareable" => Plain(GoValue.Of(mode == "shareable")),
        "IsNone" => Plain(GoValue.Of(mode == "none")),
        "IsPrivate" => Plain(GoValue.Of(mode is "private")),
        _ => null,
    };

    private static GoMethod? OfRestartPolicy(string policy, string name) => name switch
    {
        "IsNone" => Plain(GoValue.Of(policy is "no" or "")),
        "IsAlways" => Plain(GoValue.Of(policy == "always")),
        "IsOnFailure" => Plain(GoValue.Of(policy == "on-failure")),
        "IsUnlessStopped" => Plain(GoValue.Of(policy == "unless-stopped")),
        _ => null,
    };

    /// <summary>Nanoseconds as <c>1h2m3.5s</c>.</summary>
    private static string Duration(long nanoseconds)
    {
        if (nanoseconds == 0)
            return "0s";

        string sign = nanoseconds < 0 ? "-" : "";
        ulong size = nanoseconds < 0 ? (ulong)-(nanoseconds + 1) + 1 : (ulong)nanoseconds;
        if (size < Second)
        {
            (decimal unit, string name) = size < 1_000 ? (1m, "ns") : size < 1_000_000 ? (1_000m, "µs") : (1_000_000m, "ms");
            return sign + (size / unit).ToString("0.######", CultureInfo.InvariantCulture) + name;
        }

        ulong seconds = size / Second;
        var text = new StringBuilder(sign);
        if (seconds >= 3600)
            text.Append(seconds / 3600).Append('h');

        if (seconds >= 60)
            text.Append(seconds / 60 % 60).Append('m');

        return text.Append((seconds % 60 + (size % Second) / 1e9m).ToString("0.#########", CultureInfo.InvariantCulture)).Append('s').ToString();
    }

    /// <summary>Permissions as <c>-rwxr-x---</c>, the kinds of files as letters before them.</summary>
    private static string FileMode(ulong mode)
    {
        const string Kinds = "dalTLDpSugct?";
        const string Permissions = "rwxrwxrwx";
        string kinds = string.Concat(Kinds.Where((_, i) => (mode & (1UL << (31 - i))) != 0));
        return (kinds.Length == 0 ? "-" : kinds) + string.Concat(Permissions.Select((letter, i) => (mode & (1UL << (8 - i))) != 0 ? letter : '-'));
    }
}
