using System.Text;
using Berth.Network.Dns;

namespace Berth.Network.Tests.Dns;

public sealed class CodecTests
{
    [Fact]
    public void RandomNamesAreReadAsTheyWereWrittenInLowerCase()
    {
        var random = new Random(11);
        byte[] buffer = new byte[DnsLimits.MaxName];
        for (int round = 0; round < 5000; round++)
        {
            string name = RandomName(random);
            byte[] message = Wire.Query(name);
            var reader = new DnsReader(message);
            Assert.True(reader.TryReadName(buffer, out int length));
            Assert.Equal(Wire.Name(name.ToLowerInvariant()), buffer[..length]);
            Assert.Equal(message.Length - 4, reader.Position);
            Assert.True(DnsName.TryEncode(name, out byte[]? encoded));
            Assert.Equal(encoded, buffer[..length]);
        }
    }

    [Fact]
    public void CompressedNamesAreReadAndWhatFollowsThemIsFound()
    {
        byte[] message = [.. new byte[12], .. Wire.Name("Example.org"), 3, (byte)'w', (byte)'w', (byte)'w', 0xc0, 12, 1, (byte)'a', 0xc0, 25, 0xc0, 31, 99];
        Assert.Equal(("example.org", 25), Read(message, 12));
        Assert.Equal(("www.example.org", 31), Read(message, 25));
        Assert.Equal(("a.www.example.org", 35), Read(message, 31));
        Assert.Equal(("a.www.example.org", 37), Read(message, 35));
    }

    [Theory]
    [InlineData("c00c", "to itself")]
    [InlineData("c00d00", "forward")]
    [InlineData("0161c00c", "to the label before: endless")]
    [InlineData("c000", "into the header")]
    [InlineData("c0", "half a pointer")]
    [InlineData("4061", "a reserved label type")]
    [InlineData("8061", "a reserved label type")]
    [InlineData("0361", "a label beyond the end")]
    [InlineData("0161", "no end")]
    [InlineData("", "nothing")]
    public void HostileNamesAreRefused(string hex, string why) => Assert.False(TryRead([.. new byte[12], .. Convert.FromHexString(hex)], 12, out _, out _), why);

    [Fact]
    public void TwoPointersThatLeadToEachOtherAreRefused()
    {
        byte[] message = [.. new byte[12], 1, (byte)'a', 0xc0, 16, 1, (byte)'b', 0xc0, 12];
        Assert.False(TryRead(message, 12, out _, out _));
        Assert.False(TryRead(message, 16, out _, out _));
    }

    [Fact]
    public void NamesThatBecomeTooLongByPointersAreRefused()
    {
        // Each name is the one before with a label of 60 bytes in front.
        var message = new List<byte>(new byte[12]);
        int before = -1;
        for (int i = 0; i < 6; i++)
        {
            int here = message.Count;
            message.AddRange([60, .. Encoding.ASCII.GetBytes(new string('x', 60)), .. before < 0 ? (byte[])[0] : Wire.Number(0xc000 | before)]);
            Assert.Equal(i < 4, TryRead([.. message], here, out string name, out _));
            Assert.True(i >= 4 || name.Length == (61 * (i + 1)) - 1);
            before = here;
        }
    }

    [Fact]
    public void ChainsOfPointersAreFollowedAsFarAsTheLongestNameNeeds()
    {
        var message = new List<byte>(new byte[12]) { 0 };
        for (int at = 12; message.Count < 16_000; at = message.Count - 2)
        {
            message.AddRange(Wire.Number(0xc000 | at));
        }

        Assert.True(TryRead([.. message], 13 + (126 * 2), out string name, out int position));
        Assert.Equal(("", 13 + (127 * 2)), (name, position));
        Assert.False(TryRead([.. message], 13 + (127 * 2), out _, out _));
        Assert.False(TryRead([.. message], message.Count - 2, out _, out _));
    }

    [Fact]
    public void NamesOfRecordsArePassedOverNotFollowed()
    {
        // Each of thousands of records has a name that leads through all those before it.
        var message = new List<byte>(new byte[12]) { 0 };
        for (int at = 12; message.Count < 16_000;)
        {
            int here = message.Count;
            message.AddRange([.. Wire.Number(0xc000 | at), 0, 1, 0, 1, 0, 0, 0, 60, 0, 0]);
            at = here;
        }

        byte[] bytes = [.. message];
        var reader = new DnsReader(bytes, 13);
        for (int at = 13; at < bytes.Length; at += 12)
        {
            Assert.True(reader.TryReadRecord(out DnsRecord record));
            Assert.Equal((at, 60u, at + 12), (record.NameStart, record.TimeToLive, reader.Position));
        }

        Assert.False(reader.TryReadRecord(out _));
    }

    [Theory]
    [InlineData("00", true)]
    [InlineData("016100", true)]
    [InlineData("0161c00c", true)]
    [InlineData("c00c", true)]
    [InlineData("c00d", false)]
    [InlineData("0161c00d", false)]
    [InlineData("c000", false)]
    [InlineData("4061", false)]
    [InlineData("8061", false)]
    [InlineData("01", false)]
    public void NamesOfRecordsAreLookedAtAsFarAsTheyStandThere(string hex, bool isRead)
    {
        byte[] message = [.. new byte[13], .. Convert.FromHexString(hex), 0, 1, 0, 1, 0, 0, 0, 60, 0, 0];
        var reader = new DnsReader(message, 13);
        Assert.Equal(isRead, reader.TryReadRecord(out _));
        Assert.True(!isRead || reader.Position == message.Length);
    }

    [Fact]
    public void ANameOfARecordThatIsTooLongIsRefused()
    {
        foreach ((int length, bool isRead) in ((int, bool)[])[(61, true), (62, false)])
        {
            byte[] label = [63, .. new byte[63]];
            byte[] message = [.. new byte[12], .. label, .. label, .. label, (byte)length, .. new byte[length], 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 0];
            var reader = new DnsReader(message);
            Assert.Equal(isRead, reader.TryReadRecord(out _));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData(".a")]
    [InlineData("a..b")]
    public void TextsThatAreNoNameAreRefused(string text) => Assert.False(DnsName.TryEncode(text, out _));

    [Fact]
    public void TheLimitsOfNamesAreExact()
    {
        string label = new('a', 63);
        Assert.True(DnsName.TryEncode(label, out _));
        Assert.False(DnsName.TryEncode(label + "a", out _));
        Assert.True(DnsName.TryEncode($"{label}.{label}.{label}.{new string('a', 61)}.", out byte[]? longest));
        Assert.Equal(255, longest.Length);
        Assert.False(DnsName.TryEncode($"{label}.{label}.{label}.{new string('a', 62)}", out _));
    }

    [Fact]
    public void QueriesAreTakenApart()
    {
        byte[] name = new byte[DnsLimits.MaxName];
        byte[] message = Wire.Query("WEB.net", 28, options: 4096, wantsSignatures: true);
        Assert.Equal(DnsQuery.Verdict.Fine, DnsQuery.Read(message, name, out DnsQuery query));
        Assert.Equal(Wire.Name("web.net"), query.Name.ToArray());
        Assert.Equal((28, 1, 1232, true, true), (query.Type, query.Class, query.DatagramSize, query.HasOptions, query.WantsSignatures));
        Assert.Equal(DnsQuery.Verdict.Fine, DnsQuery.Read(Wire.Query("web", options: 100), name, out query));
        Assert.Equal(512, query.DatagramSize);
    }

    [Theory]
    [InlineData("1234", "Ignore", 0)]
    [InlineData("123481000001000000000000037765620000010001", "Ignore", 0)]
    [InlineData("123401000000000000000000", "Wrong", 1)]
    [InlineData("123401000002000000000000037765620000010001037765620000010001", "Wrong", 1)]
    [InlineData("1234010000010000000000000377656200000100", "Wrong", 1)]
    [InlineData("123401000001000000000000c00c00010001", "Wrong", 1)]
    [InlineData("123401000001000000000001037765620000010001", "Wrong", 1)]
    [InlineData("123411000001000000000000037765620000010001", "Wrong", 4)]
    [InlineData("12340100000100000000000103776562000001000100002904d0000100000000", "Wrong", 16)]
    [InlineData("12340100000100000000000203776562000001000100002904d000000000000000002904d0000000000000", "Wrong", 1)]
    public void OtherMessagesAreRefused(string hex, string wanted, int error)
    {
        byte[] name = new byte[DnsLimits.MaxName];
        Assert.Equal(wanted, DnsQuery.Read(Convert.FromHexString(hex), name, out DnsQuery query).ToString());
        Assert.Equal(error, query.Error);
    }

    private static (string Name, int Position) Read(byte[] message, int at)
    {
        Assert.True(TryRead(message, at, out string name, out int position));
        return (name, position);
    }

    private static bool TryRead(byte[] message, int at, out string name, out int position)
    {
        byte[] buffer = new byte[DnsLimits.MaxName];
        var reader = new DnsReader(message, at);
        bool isRead = reader.TryReadName(buffer, out int length);
        int start = 0;
        name = isRead ? Wire.ReadName(buffer[..length], ref start) : "";
        position = reader.Position;
        return isRead;
    }

    private static string RandomName(Random random)
    {
        string name = "";
        for (int labels = random.Next(1, 12); labels > 0; labels--)
        {
            string label = string.Concat(Enumerable.Range(0, random.Next(1, 64)).Select(_ => (char)random.Next('0', 127))).Replace('.', '-');
            if (name.Length + label.Length + 1 > 252)
            {
                break;
            }

            name = name.Length == 0 ? label : $"{label}.{name}";
        }

        return name;
    }
}
