using System.Buffers.Binary;
using System.Text;

namespace Berth.Network.Tests.Dns;

internal sealed record WireRecord(string Name, int Type, uint TimeToLive, byte[] Data);

/// <summary>A message taken apart by other code than the one under test; throws when it is not well formed.</summary>
internal sealed record WireMessage(int Id, int Flags, string Question, int Type, WireRecord[] Answers, WireRecord[] Authorities, WireRecord[] Additionals)
{
    public int Code => Flags & 15;

    public bool IsTruncated => (Flags & 0x200) != 0;

    public WireRecord? Options => Additionals.SingleOrDefault(static record => record.Type == 41);

    /// <summary>The answers' data as addresses, in their order.</summary>
    public string Addresses => string.Join(' ', Answers.Select(static record => new System.Net.IPAddress(record.Data).ToString()));
}

/// <summary>Messages as bytes, written and read in the plainest way.</summary>
internal static class Wire
{
    public static byte[] Name(string name) => [.. name.Split('.', StringSplitOptions.RemoveEmptyEntries).SelectMany(static label => Encoding.Latin1.GetBytes(label).Prepend((byte)label.Length)), 0];

    public static byte[] Number(int value) => [(byte)(value >> 8), (byte)value];

    public static byte[] Record(string name, int type, uint time, byte[] data) =>
        [.. Name(name), .. Number(type), .. Number(1), .. Number((int)(time >> 16)), .. Number((int)(time & 0xffff)), .. Number(data.Length), .. data];

    public static byte[] Query(string name, int type = 1, int id = 0x1234, int flags = 0x100, int options = 0, bool wantsSignatures = false) =>
    [
        .. Number(id), .. Number(flags), 0, 1, 0, 0, 0, 0, 0, (byte)(options > 0 ? 1 : 0), .. Name(name), .. Number(type), 0, 1,
        .. options > 0 ? (byte[])[0, 0, 41, .. Number(options), 0, 0, (byte)(wantsSignatures ? 0x80 : 0), 0, 0, 0] : [],
    ];

    /// <summary>An answer to <paramref name="query"/> with its id and question.</summary>
    public static byte[] Answer(ReadOnlySpan<byte> query, int code = 0, byte[][]? answers = null, byte[][]? authorities = null, int flags = 0x8180)
    {
        int end = 12;
        while (query[end] != 0)
        {
            end += query[end] + 1;
        }

        return
        [
            .. query[..2], .. Number(flags | code), 0, 1, .. Number(answers?.Length ?? 0), .. Number(authorities?.Length ?? 0), 0, 0, .. query[12..(end + 5)],
            .. (answers ?? []).SelectMany(static record => record), .. (authorities ?? []).SelectMany(static record => record),
        ];
    }

    public static byte[] Soa(string zone, uint time, uint minimum) =>
        Record(zone, 6, time, [.. Name("ns." + zone), .. Name("root." + zone), .. new byte[16], .. Number((int)(minimum >> 16)), .. Number((int)(minimum & 0xffff))]);

    public static WireMessage Read(byte[] message)
    {
        int[] head = [.. Enumerable.Range(0, 6).Select(i => (int)BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(i * 2)))];
        int at = 12;
        string question = "";
        int type = 0;
        for (int i = 0; i < head[2]; i++)
        {
            question = ReadName(message, ref at);
            type = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at));
            at += 4;
        }

        WireRecord[][] sections = [.. head[3..].Select(count => Enumerable.Range(0, count).Select(_ => ReadRecord(message, ref at)).ToArray())];
        Assert.Equal(message.Length, at);
        return new WireMessage(head[0], head[1], question, type, sections[0], sections[1], sections[2]);
    }

    public static string ReadName(byte[] message, ref int at)
    {
        var labels = new List<string>();
        int position = at;
        bool hasJumped = false;
        for (int steps = 0; ; steps++)
        {
            Assert.True(steps < 300, "an endless name");
            int size = message[position];
            if (size >= 0xc0)
            {
                at = hasJumped ? at : position + 2;
                hasJumped = true;
                position = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(position)) & 0x3fff;
                continue;
            }

            Assert.True(size <= 63);
            if (size == 0)
            {
                at = hasJumped ? at : position + 1;
                return string.Join('.', labels);
            }

            labels.Add(Encoding.Latin1.GetString(message, position + 1, size));
            position += size + 1;
        }
    }

    private static WireRecord ReadRecord(byte[] message, ref int at)
    {
        string name = ReadName(message, ref at);
        int type = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at));
        uint time = BinaryPrimitives.ReadUInt32BigEndian(message.AsSpan(at + 4));
        int length = BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at + 8));
        at += 10 + length;
        return new WireRecord(name, type, time, message[(at - length)..at]);
    }
}
