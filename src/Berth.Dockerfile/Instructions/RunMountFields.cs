using System.Globalization;

namespace Berth.Dockerfile.Instructions;

/// <summary>The options of one mount, each at most once, still without a type.</summary>
internal sealed class RunMountFields(Dictionary<string, string?> fields, SourceRange range)
{
    private static readonly string[] Kinds = ["bind", "cache", "tmpfs", "secret", "ssh"];
    private static readonly string[] Sharings = ["shared", "private", "locked"];

    /// <summary>The mount, if the options are those of its type.</summary>
    public RunMount ToMount()
    {
        RunMountKind kind = GetKind();
        CheckKeys(kind);
        var mount = new RunMount
        {
            Kind = kind,
            From = Get("from"),
            Source = Get("source"),
            Target = Get("target"),
            IsReadOnly = GetReadOnly() ?? kind is not (RunMountKind.Cache or RunMountKind.Tmpfs),
            Id = Get("id"),
            Sharing = GetSharing(),
            IsRequired = GetFlag("required") ?? false,
            Size = Get("size") is { } size ? ByteSize.Parse(size) ?? throw RunMount.Wrong($"invalid value for size: {size}", range) : null,
            Mode = GetNumber("mode", 8),
            Uid = GetNumber("uid", 10),
            Gid = GetNumber("gid", 10),
            Env = fields.GetValueOrDefault("env"),
        };
        if (kind == RunMountKind.Secret)
        {
            CheckSecret(mount);
        }

        return mount;
    }

    private string? Get(string key) => fields.GetValueOrDefault(key) is { Length: > 0 } value ? value : null;

    private RunMountKind GetKind()
    {
        string type = fields.GetValueOrDefault("type") ?? "bind";
        int kind = Array.IndexOf(Kinds, type.ToLowerInvariant());
        return kind >= 0 ? (RunMountKind)kind : throw RunMount.Wrong($"unsupported mount type {QuotedText.Of(type)}{Meant(type, Kinds)}", range);
    }

    private CacheSharing GetSharing()
    {
        string sharing = fields.GetValueOrDefault("sharing") ?? "shared";
        int index = Array.IndexOf(Sharings, sharing.ToLowerInvariant());
        return index >= 0 ? (CacheSharing)index : throw RunMount.Wrong($"unsupported sharing value {QuotedText.Of(sharing)}{Meant(sharing, Sharings)}", range);
    }

    private static string Meant(string value, string[] known) => Suggestion.For(value.ToLowerInvariant(), known) is { } name ? $" (did you mean {name}?)" : "";

    private bool? GetReadOnly() => GetFlag("readwrite") is { } isWritable ? !isWritable : GetFlag("readonly");

    private bool? GetFlag(string key)
    {
        if (!fields.TryGetValue(key, out string? value))
        {
            return null;
        }

        return value switch
        {
            null or "1" or "t" or "T" or "TRUE" or "true" or "True" => true,
            "0" or "f" or "F" or "FALSE" or "false" or "False" => false,
            _ => throw RunMount.Wrong($"invalid value for {key}: {value}", range),
        };
    }

    private uint? GetNumber(string key, int radix)
    {
        if (Get(key) is not { } text)
        {
            return null;
        }

        ulong number = 0;
        foreach (char c in text)
        {
            int digit = c - '0';
            if (digit < 0 || digit >= radix || (number = (number * (ulong)radix) + (ulong)digit) > uint.MaxValue)
            {
                throw RunMount.Wrong(string.Create(CultureInfo.InvariantCulture, $"invalid value {text} for {key}"), range);
            }
        }

        return (uint)number;
    }

    private void CheckKeys(RunMountKind kind)
    {
        string name = Kinds[(int)kind];
        bool isKept = kind is RunMountKind.Secret or RunMountKind.Ssh;
        foreach (string key in fields.Keys)
        {
            bool isAllowed = key switch
            {
                "from" => kind is RunMountKind.Bind or RunMountKind.Cache,
                "source" => kind is RunMountKind.Bind or RunMountKind.Cache or RunMountKind.Secret,
                "id" => isKept || kind == RunMountKind.Cache,
                "sharing" => kind == RunMountKind.Cache,
                "required" => isKept,
                "size" => kind == RunMountKind.Tmpfs,
                "env" => kind == RunMountKind.Secret,
                "mode" or "uid" or "gid" => isKept || kind == RunMountKind.Cache,
                _ => true,
            };
            if (!isAllowed)
            {
                throw RunMount.Wrong(Refusal(key, name), range);
            }
        }
    }

    private static string Refusal(string key, string kind) => (key, kind) switch
    {
        ("mode" or "uid" or "gid", _) => $"{key} not allowed for \"{kind}\" type mounts",
        ("sharing", "secret") => "secret mount should not define sharing",
        ("sharing", _) => $"invalid cache sharing set for {kind} mount",
        ("from", "secret") => "secret mount should not have a from",
        _ => $"unexpected key '{key}' for mount type '{kind}'",
    };

    private void CheckSecret(RunMount mount)
    {
        if (mount is { Source: null, Target: null, Id: null })
        {
            throw RunMount.Wrong("invalid secret mount. one of source, target required", range);
        }

        if (mount is { Source: not null, Id: not null })
        {
            throw RunMount.Wrong("both source and id can't be set", range);
        }
    }
}
