using System.Text;

namespace Berth.Storage.Layers.Tar;

/// <summary>
/// PAX extended header records (POSIX pax, "pax Extended Header"): <c>length key=value\n</c>, the length counting itself. Values are bytes.
/// Only what changes an entry here is kept; the rest (user names, access times, comments) is skipped, as every reader of layers does.
/// </summary>
internal sealed class PaxRecords
{
    private const string XattrPrefix = "SCHILY.xattr.";
    private const int MaxXattrs = 1024;
    private static readonly string[] Kept =
    [
        "path", "linkpath", "size", "uid", "gid", "mtime", "GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.name",
        "GNU.sparse.realsize", "GNU.sparse.map", "GNU.sparse.numblocks", "GNU.sparse.size",
    ];

    private readonly Dictionary<string, byte[]> values = [];
    private readonly Dictionary<string, byte[]> xattrs = [];

    /// <summary>Whether there is nothing in it.</summary>
    public bool IsEmpty => values.Count == 0 && xattrs.Count == 0;

    /// <summary>The extended attributes.</summary>
    public IReadOnlyDictionary<string, byte[]> Xattrs => xattrs;

    /// <summary>The value of <paramref name="key"/>, or null.</summary>
    public byte[]? this[string key] => values.GetValueOrDefault(key);

    /// <summary>A copy that local records can be added to.</summary>
    public PaxRecords Clone()
    {
        PaxRecords copy = new();
        foreach ((string key, byte[] value) in values)
        {
            copy.values[key] = value;
        }

        foreach ((string key, byte[] value) in xattrs)
        {
            copy.xattrs[key] = value;
        }

        return copy;
    }

    /// <summary>Adds all records; later ones replace earlier ones, an empty value removes. Returns what is wrong, or null.</summary>
    public string? Add(ReadOnlySpan<byte> records)
    {
        while (!records.IsEmpty)
        {
            int blank = records.IndexOf((byte)' ');
            if (blank is < 1 or > 10 || !TarNumbers.TryParseDecimal(records[..blank], out long length) || length <= blank + 1 || length > records.Length)
            {
                return "a PAX record with a bad length";
            }

            ReadOnlySpan<byte> record = records[(blank + 1)..(int)length];
            records = records[(int)length..];
            int equals = record.IndexOf((byte)'=');
            if (record[^1] != '\n' || equals < 1)
            {
                return "a PAX record that is not \"length key=value\"";
            }

            string? error = Add(Encoding.UTF8.GetString(record[..equals]), record[(equals + 1)..^1]);
            if (error is not null)
            {
                return error;
            }
        }

        return null;
    }

    private string? Add(string key, ReadOnlySpan<byte> value)
    {
        if (key.StartsWith(XattrPrefix, StringComparison.Ordinal))
        {
            string name = key[XattrPrefix.Length..];
            if (name.Length is 0 or > 255 || name.Contains('\0', StringComparison.Ordinal))
            {
                return "an extended attribute with a bad name";
            }

            if (xattrs.Count >= MaxXattrs)
            {
                return $"more than {MaxXattrs} extended attributes";
            }

            xattrs[name] = value.ToArray();
            return null;
        }

        if (Array.IndexOf(Kept, key) < 0)
        {
            return null;
        }

        if (value.IsEmpty)
        {
            values.Remove(key);
            return null;
        }

        if (value.Contains((byte)0))
        {
            return $"a PAX value of {key} with a zero byte";
        }

        values[key] = value.ToArray();
        return null;
    }
}
