using Berth.Network.Dns;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Dns;

public sealed class LocalNameTests
{
    private readonly NameTable table = new("n3c");
    private readonly NameTable other = new("other.net");
    private readonly byte[] response = new byte[AnswerCache.MaxAnswer];

    public LocalNameTests()
    {
        table.Set(Endpoint("1", "n3w1", "10.99.20.6", "fd99::4", "web", "8a949c6eb06b"));
        table.Set(Endpoint("2", "N3W2", "10.99.20.7", null, "web"));
        other.Set(Endpoint("3", "db", "10.99.30.2", null, "8a949c6eb06c"));
    }

    [Theory]
    [InlineData("n3w1", 1, "10.99.20.6")]
    [InlineData("N3w1", 1, "10.99.20.6")]
    [InlineData("n3w2", 1, "10.99.20.7")]
    [InlineData("n3w1.n3c", 1, "10.99.20.6")]
    [InlineData("N3W1.N3C", 1, "10.99.20.6")]
    [InlineData("8a949c6eb06b", 1, "10.99.20.6")]
    [InlineData("8a949c6eb06b.n3c", 1, "10.99.20.6")]
    [InlineData("lnk", 1, "10.99.20.6")]
    [InlineData("lnk.n3c", 1, "10.99.20.6")]
    [InlineData("n3w1", 28, "fd99::4")]
    [InlineData("n3w2", 28, "")]
    [InlineData("n3w1", 16, "")]
    [InlineData("n3w1", 255, "10.99.20.6 fd99::4")]
    public void NamesOfTheNetworkAreAnswered(string name, int type, string addresses)
    {
        WireMessage answer = Ask(name, type);
        Assert.Equal((0, 0x8180, name, type, addresses), (answer.Code, answer.Flags, answer.Question, answer.Type, answer.Addresses));
        Assert.All(answer.Answers, record => Assert.Equal((name, 600u), (record.Name, record.TimeToLive)));
    }

    [Theory]
    [InlineData("n3c")]
    [InlineData("nosuch")]
    [InlineData("n3w1.n3w1")]
    [InlineData("n3w1.n3c.n3c")]
    [InlineData("db")]
    [InlineData("db.other.net")]
    [InlineData("2.30.99.10.in-addr.arpa")]
    [InlineData("200.20.99.10.in-addr.arpa")]
    public void OtherNamesAndThoseOfOtherNetworksAreNot(string name)
    {
        Assert.Equal(2, Ask(name).Code); // nobody else may be asked here
        Assert.Equal(2, Ask(name, 12).Code);
    }

    [Fact]
    public void AddressesLeadBackToNames()
    {
        WireMessage answer = Ask("6.20.99.10.in-addr.arpa", 12);
        int at = 0;
        Assert.Equal("n3w1.n3c", Wire.ReadName(Assert.Single(answer.Answers).Data, ref at));
        answer = Ask("7.20.99.10.IN-ADDR.arpa", 12);
        at = 0;
        Assert.Equal("N3W2.n3c", Wire.ReadName(Assert.Single(answer.Answers).Data, ref at));
        answer = Ask("4.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.9.9.d.f.ip6.arpa", 12);
        Assert.Single(answer.Answers);
        Assert.Empty(Ask("6.20.99.10.in-addr.arpa", 1).Answers);
    }

    [Fact]
    public void AddressesOfOneNameTakeTurns()
    {
        string[] firsts = [.. Enumerable.Range(0, 4).Select(_ => Ask("web").Addresses)];
        Assert.Equal(["10.99.20.6 10.99.20.7", "10.99.20.7 10.99.20.6"], firsts.Distinct().Order());
        Assert.NotEqual(firsts[0], firsts[1]);
        Assert.Equal(firsts[0], firsts[2]);
    }

    [Fact]
    public void NamesGoWithTheirEndpoints()
    {
        table.Set(Endpoint("1", "renamed", "10.99.20.9", null, "web"));
        Assert.Equal(2, Ask("n3w1").Code);
        Assert.Equal("10.99.20.9", Ask("renamed").Addresses);
        table.Remove("2");
        table.Remove("2");
        Assert.Equal("10.99.20.9", Ask("web").Addresses);
        Assert.Equal(2, Ask("7.20.99.10.in-addr.arpa", 12).Code);
        table.Remove("1");
        Assert.Equal(2, Ask("web").Code);
        Assert.Equal(2, Ask("lnk").Code);
    }

    [Fact]
    public void AnAddressThatChangedHandsLeadsToItsNewOwner()
    {
        table.Set(Endpoint("9", "next", "10.99.20.6", null));
        table.Remove("1");
        int at = 0;
        Assert.Equal("next.n3c", Wire.ReadName(Assert.Single(Ask("6.20.99.10.in-addr.arpa", 12).Answers).Data, ref at));
    }

    [Fact]
    public void TheFirstNetworkWithAnAddressOfTheFamilyAnswers()
    {
        var second = new NameTable("second");
        second.Set(Endpoint("5", "n3w2", "10.5.0.5", "fd05::5"));
        var both = new NameScope([new ScopeNetwork(table, new Dictionary<string, string>()), new ScopeNetwork(second, new Dictionary<string, string>())], upstreams: null);
        Assert.Equal("10.99.20.7", Ask("n3w2", 1, both).Addresses);
        Assert.Equal("fd05::5", Ask("n3w2", 28, both).Addresses);
        Assert.Equal("10.5.0.5", Ask("n3w2.second", 1, both).Addresses);
    }

    [Fact]
    public void NamesThatNoDomainNameCanBeAreNotInTheTable()
    {
        string tooLong = new('x', 64);
        table.Set(Endpoint("7", tooLong, "10.99.20.8", null, "short", "a..b", ""));
        Assert.Equal("10.99.20.8", Ask("short").Addresses);
        table.Remove("7");
        Assert.Equal(2, Ask("short").Code);
    }

    [Fact]
    public void ADotWithinALabelIsNoSeparator()
    {
        byte[] query = Wire.Query("xxxxxxxx");
        query[12] = 8;
        "n3w1.n3c"u8.CopyTo(query.AsSpan(13));
        Assert.Equal(2, Answer(query, Scope()).Code);
    }

    [Fact]
    public void OptionsAreAnsweredWithOptions()
    {
        WireMessage answer = Answer(Wire.Query("n3w1", options: 4096, wantsSignatures: true), Scope());
        Assert.Equal((1232, 0x8000u), (1232, answer.Options!.TimeToLive));
        Assert.Null(Ask("n3w1").Options);
        byte[] badVersion = Wire.Query("n3w1", options: 4096);
        badVersion[^5] = 1; // of the OPT record's time to live: the version
        answer = Answer(badVersion, Scope());
        Assert.Equal((0, 1u << 24), (answer.Code, answer.Options!.TimeToLive));
    }

    [Fact]
    public void WhatDoesNotFitIsCutAndSaidSo()
    {
        for (int i = 0; i < 100; i++)
        {
            table.Set(Endpoint($"many{i}", $"m{i}", $"10.99.21.{i}", null, "many"));
        }

        WireMessage answer = Ask("many");
        Assert.True(answer.IsTruncated);
        Assert.Equal((512 - 22) / 16, answer.Answers.Length);
        Assert.Equal((1232 - 22 - 11) / 16, Answer(Wire.Query("many", options: 4000), Scope()).Answers.Length);
        Resolver.Answer(Wire.Query("many"), Scope(), isStream: true, response, out int length);
        Assert.Equal(100, Wire.Read(response[..length]).Answers.Length);
    }

    [Fact]
    public async Task LookupsAreRightWhileTheTableChanges()
    {
        using var end = new CancellationTokenSource();
        Task changes = Task.Factory.StartNew(() =>
        {
            for (int i = 0; !end.IsCancellationRequested; i++)
            {
                table.Set(Endpoint("busy", $"busy{i % 3}", $"10.99.22.{i % 250}", null, "web"));
                table.Remove("busy");
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            NameScope scope = Scope();
            for (int i = 0; i < 50_000; i++)
            {
                Assert.Equal("10.99.20.6", Ask("n3w1", 1, scope).Addresses);
                Assert.InRange(Ask("web", 1, scope).Answers.Length, 2, 3);
            }
        }
        finally
        {
            await end.CancelAsync();
            await changes;
        }
    }

    [Fact]
    public async Task ANameIsThereWhileItsEndpointIsReplaced()
    {
        using var end = new CancellationTokenSource();
        table.Set(Endpoint("4", "n3w4", "10.99.23.1", null));
        Task changes = Task.Factory.StartNew(() =>
        {
            for (int i = 0; !end.IsCancellationRequested; i++)
            {
                table.Set(Endpoint("4", "n3w4", "10.99.23.1", null, $"alias{i % 3}"));
            }
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            NameScope scope = Scope();
            for (int i = 0; i < 50_000; i++)
            {
                Assert.Equal("10.99.23.1", Ask("n3w4", 1, scope).Addresses);
                Assert.Single(Ask("1.23.99.10.in-addr.arpa", 12, scope).Answers);
            }
        }
        finally
        {
            await end.CancelAsync();
            await changes;
        }
    }

    [Fact]
    public void WhatAReplacedEndpointNoLongerHasIsGone()
    {
        table.Set(Endpoint("1", "n3w1", "10.99.20.9", null, "www"));
        Assert.Equal("10.99.20.9", Ask("n3w1").Addresses);
        Assert.Equal("10.99.20.9", Ask("www.n3c").Addresses);
        Assert.Equal("10.99.20.7", Ask("web").Addresses);
        Assert.Empty(Ask("n3w1", 28).Answers);
        Assert.Equal(2, Ask("8a949c6eb06b").Code);
        Assert.Equal(2, Ask("6.20.99.10.in-addr.arpa", 12).Code);
        Assert.Single(Ask("9.20.99.10.in-addr.arpa", 12).Answers);
        EndpointNames same = Endpoint("1", "n3w1", "10.99.20.9", null, "www");
        table.Set(same);
        table.Set(same);
        Assert.Equal(("10.99.20.9", "n3w1.n3c"), (Ask("www").Addresses, NameBehind("9.20.99.10.in-addr.arpa")));
        table.Set(Endpoint("1", new string('x', 64), "10.99.20.9", null));
        table.Set(Endpoint("2", "n3w2", "10.99.20.9", null)); // the address of one that has no name is another's now
        Assert.Equal("n3w2.n3c", NameBehind("9.20.99.10.in-addr.arpa"));
        table.Set(Endpoint("1", "n3w1", "10.99.20.8", null));
        Assert.Equal("n3w2.n3c", NameBehind("9.20.99.10.in-addr.arpa"));
        table.Remove("1");
        table.Remove("2");
        Assert.All((string[])["n3w1", "n3w2", "web", "www", "9.20.99.10.in-addr.arpa", "8.20.99.10.in-addr.arpa"], name => Assert.Equal(2, Ask(name, 12).Code));
    }

    private string NameBehind(string address)
    {
        int at = 0;
        return Wire.ReadName(Assert.Single(Ask(address, 12).Answers).Data, ref at);
    }

    private NameScope Scope() => new([new ScopeNetwork(table, new Dictionary<string, string> { ["lnk"] = "n3w1" })], upstreams: null);

    private WireMessage Ask(string name, int type = 1, NameScope? scope = null) => Answer(Wire.Query(name, type), scope ?? Scope());

    private WireMessage Answer(byte[] query, NameScope scope)
    {
        Assert.Equal(ResolverOutcome.Answered, Resolver.Answer(query, scope, isStream: false, response, out int length));
        return Wire.Read(response[..length]);
    }

    private static EndpointNames Endpoint(string id, string name, string ipv4, string? ipv6, params string[] aliases) => new()
    {
        EndpointId = id, ContainerName = name, Aliases = aliases, IPv4 = NetAddress.Parse(ipv4), IPv6 = ipv6 is null ? null : NetAddress.Parse(ipv6),
    };
}
