using System.Text.Json;
using Berth.Daemon.Mapping;
using Berth.Daemon.Tests.Support;
using Berth.Model;

namespace Berth.Daemon.Tests.Mapping;

public sealed class UnbuiltOptionsTests
{
    private static readonly HashSet<string> Built = new(StringComparer.OrdinalIgnoreCase) { "Known" };

    [Theory]
    [InlineData("null")]
    [InlineData("false")]
    [InlineData("0")]
    [InlineData("\"\"")]
    [InlineData("[]")]
    [InlineData("{}")]
    public void Zero_values_pass(string value) => Refuse($$"""{"Known":1,"known":2,"Other":{{value}}}""");

    [Theory]
    [InlineData("true")]
    [InlineData("1")]
    [InlineData("-1")]
    [InlineData("0.5")]
    [InlineData("\"x\"")]
    [InlineData("[\"\"]")]
    [InlineData("[[]]")]
    [InlineData("{\"/data\":{}}")]
    [InlineData("{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}")]
    public void Anything_else_is_refused_by_name(string value) =>
        Refusal.Of(ErrorKind.NotImplemented, "Prefix.Other is not supported yet", () => Refuse($$"""{"Known":1,"Other":{{value}}}"""));

    private static void Refuse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        UnbuiltOptions.Refuse(document.RootElement, Built, "Prefix.");
    }
}
