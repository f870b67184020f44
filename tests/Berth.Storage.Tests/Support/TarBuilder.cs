using System.Globalization;
using System.Text;

namespace Berth.Storage.Tests.Support;

/// <summary>Writes archives byte by byte, also ones that no decent program would write.</summary>
internal sealed class TarBuilder
{
    private readonly MemoryStream output = new();

    public TarBuilder File(string name, string content = "", uint mode = 0x1A4, uint uid = 0, uint gid = 0, long mtime = 1_000_000_000) =>
        Entry('0', name, Encoding.UTF8.GetBytes(content), mode: mode, uid: uid, gid: gid, mtime: mtime);

    public TarBuilder Folder(string name, uint mode = 0x1ED, uint uid = 0, uint gid = 0, long mtime = 1_000_000_000) =>
        Entry('5', name, [], mode: mode, uid: uid, gid: gid, mtime: mtime);

    public TarBuilder Symlink(string name, string target) => Entry('2', name, [], target);

    public TarBuilder HardLink(string name, string target) => Entry('1', name, [], target);

    public TarBuilder Device(char type, string name, uint major, uint minor) => Entry(type, name, [], major: major, minor: minor);

    /// <summary>A PAX header for the next entry ('x') or all further ones ('g').</summary>
    public TarBuilder Pax(params (string Key, byte[] Value)[] records) => Pax('x', records);

    public TarBuilder Pax(char type, params (string Key, byte[] Value)[] records)
    {
        MemoryStream body = new();
        foreach ((string key, byte[] value) in records)
        {
            int rest = 1 + Encoding.UTF8.GetByteCount(key) + 1 + value.Length + 1;
            int length = rest + 1;
            while (length != rest + length.ToString(CultureInfo.InvariantCulture).Length)
            {
                length = rest + length.ToString(CultureInfo.InvariantCulture).Length;
            }

            body.Write(Encoding.UTF8.GetBytes($"{length} {key}="));
            body.Write(value);
            body.WriteByte((byte)'\n');
        }

        return Entry(type, "pax", body.ToArray());
    }

    public TarBuilder Pax(string key, string value) => Pax((key, Encoding.UTF8.GetBytes(value)));

    public TarBuilder Entry(
        char type, string name, byte[] data, string link = "", uint mode = 0x1A4, uint uid = 0, uint gid = 0, long mtime = 1_000_000_000,
        uint major = 0, uint minor = 0, byte[]? sizeField = null, Action<byte[]>? change = null)
    {
        byte[] header = new byte[512];
        Encoding.UTF8.GetBytes(name).AsSpan().CopyTo(header);
        Octal(header, 100, 8, mode);
        Octal(header, 108, 8, uid);
        Octal(header, 116, 8, gid);
        Octal(header, 124, 12, data.Length);
        sizeField?.CopyTo(header, 124);
        Octal(header, 136, 12, mtime);
        header[156] = (byte)type;
        Encoding.UTF8.GetBytes(link).CopyTo(header, 157);
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        Octal(header, 329, 8, major);
        Octal(header, 337, 8, minor);
        change?.Invoke(header);
        header.AsSpan(148, 8).Fill((byte)' ');
        Octal(header, 148, 7, header.Sum(static b => (long)b));
        output.Write(header);
        output.Write(data);
        output.Write(new byte[-data.Length & 511]);
        return this;
    }

    public TarBuilder Raw(byte[] bytes)
    {
        output.Write(bytes);
        return this;
    }

    public byte[] ToArray(bool trailer = true) => [.. output.ToArray(), .. new byte[trailer ? 1024 : 0]];

    public MemoryStream ToStream() => new(ToArray());

    public static void Octal(byte[] header, int offset, int width, long value) =>
        Encoding.ASCII.GetBytes(Convert.ToString(value, 8).PadLeft(width - 1, '0') + "\0").CopyTo(header, offset);
}
