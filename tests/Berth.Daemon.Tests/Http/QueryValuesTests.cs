using Berth.Daemon.Http;
using Berth.Daemon.Tests.Support;
using Berth.Model;
using Microsoft.AspNetCore.Http;

namespace Berth.Daemon.Tests.Http;

public sealed class QueryValuesTests
{
    private static DefaultHttpContext Ask(string query)
    {
        var context = new DefaultHttpContext();
        context.Request.QueryString = new QueryString("?" + query);
        return context;
    }

    private static DefaultHttpContext AskFilters(string json) => Ask("filters=" + Uri.EscapeDataString(json));

    [Theory]
    [InlineData("x=1", true)]
    [InlineData("x=true", true)]
    [InlineData("x=yes", true)]
    [InlineData("x=0", false)]
    [InlineData("x=False", false)]
    [InlineData("x=no", false)]
    [InlineData("x=none", false)]
    [InlineData("x=", false)]
    [InlineData("y=1", false)]
    public void Booleans(string query, bool expected) => Assert.Equal(expected, Ask(query).GetBoolean("x"));

    [Fact]
    public void An_absent_boolean_has_its_fallback()
    {
        Assert.True(Ask("").GetBoolean("x", fallback: true));
        Assert.False(Ask("x=0").GetBoolean("x", fallback: true));
    }

    [Fact]
    public void Integers()
    {
        Assert.Equal(-5, Ask("n=-5").GetInteger("n"));
        Assert.Null(Ask("n=").GetInteger("n"));
        Assert.Null(Ask("").GetInteger("n"));
        Refusal.Of(ErrorKind.InvalidArgument, "n \"1x\"", () => Ask("n=1x").GetInteger("n"));
        Refusal.Of(ErrorKind.InvalidArgument, "n \"99999999999\"", () => Ask("n=99999999999").GetInteger("n"));
    }

    [Fact]
    public void Timestamps()
    {
        Assert.Null(Ask("").GetTimestamp("since"));
        Assert.Null(Ask("since=0").GetTimestamp("since"));
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(1700000000).AddTicks(1234567), Ask("since=1700000000.123456789").GetTimestamp("since"));
        Refusal.Of(ErrorKind.InvalidArgument, "since \"now\"", () => Ask("since=now").GetTimestamp("since"));
        Refusal.Of(ErrorKind.InvalidArgument, "since", () => Ask("since=999999999999999").GetTimestamp("since"));
    }

    [Fact]
    public void Filters_come_in_both_forms()
    {
        Assert.Equal(["a", "b"], AskFilters("""{"name":["a","b"]}""").GetFilters(["name"])["name"]);
        Assert.Equal(["a"], AskFilters("""{"name":{"a":true,"b":false}}""").GetFilters(["name"])["name"]);
        Assert.Empty(Ask("filters=").GetFilters(["name"]));
    }

    [Theory]
    [InlineData("{", "invalid filter")]
    [InlineData("[]", "invalid filter")]
    [InlineData("""{"name":"a"}""", "invalid filter")]
    [InlineData("""{"name":[1]}""", "invalid filter")]
    [InlineData("""{"name":{"a":1}}""", "invalid filter")]
    [InlineData("""{"colour":["a"]}""", "Invalid filter 'colour'")]
    public void Broken_and_unknown_filters_are_refused(string json, string message) =>
        Refusal.Of(ErrorKind.InvalidArgument, message, () => AskFilters(json).GetFilters(["name"]));
}
