using System.Text;
using System.Text.Json;
using Berth.Cli.Formatting.Templates;

namespace Berth.Cli.Tests.Formatting.Templates;

public sealed class TemplateTests
{
    private const string Document = """
        {"Name":"/x","Id":"abc","State":{"Status":"running","Running":true,"ExitCode":0,"Pid":12},"Config":{"Env":["A=1","B=2"],"Cmd":null,
        "Labels":{"b":"2","a":"1"},"Volumes":null},"HostConfig":{"Memory":67108864,"PidsLimit":null,"Binds":null},
        "NetworkSettings":{"Networks":{"bridge":{"IPAddress":"172.17.0.2"}}},"Mounts":[],"Text":"a<b>&é"}
        """;

    [Theory]
    [InlineData("{{.State.Status}} {{.State.Running}} {{.State.ExitCode}}", "running true 0")]
    [InlineData("{{json .Config.Labels}} {{json .Text}} {{json .State.Pid}}", """{"b":"2","a":"1"} "a<b>&é" 12""")]
    [InlineData("{{.Config.Env}} {{.Config.Labels}} {{.Mounts}}", "[A=1 B=2] map[a:1 b:2] []")]
    [InlineData("{{.Config.Cmd}} {{.Config.Volumes}} {{.HostConfig.PidsLimit}} {{.HostConfig.Binds}}", "[] map[] <nil> []")]
    [InlineData("{{range .Config.Env}}[{{.}}]{{end}}", "[A=1][B=2]")]
    [InlineData("{{range $i, $e := .Config.Env}}{{if $i}}, {{end}}{{$i}}={{$e}}{{end}}", "0=A=1, 1=B=2")]
    [InlineData("{{range $k, $v := .Config.Labels}}{{$k}}{{$v}};{{end}}", "a1;b2;")]
    [InlineData("{{range .Mounts}}x{{else}}none{{end}}", "none")]
    [InlineData("{{range .Config.Env}}{{.}}{{break}}{{end}}", "A=1")]
    [InlineData("{{if .State.Running}}up{{else}}down{{end}}", "up")]
    [InlineData("{{if eq .State.Status \"dead\"}}1{{else if gt .State.Pid 10}}2{{else}}3{{end}}", "2")]
    [InlineData("{{index .NetworkSettings.Networks \"bridge\" | json}}", """{"IPAddress":"172.17.0.2"}""")]
    [InlineData("{{(index .NetworkSettings.Networks \"bridge\").IPAddress}}", "172.17.0.2")]
    [InlineData("{{index .Config.Env 1}} {{index .Config.Labels \"missing\"}}|", "B=2 |")]
    [InlineData("{{len .Config.Env}} {{len .Name}} {{slice .Id 0 2}}", "2 2 ab")]
    [InlineData("{{with .State}}{{.Pid}} {{$.Name}}{{end}}", "12 /x")]
    [InlineData("{{$n := .Name}}{{$n = \"y\"}}{{$n}}", "y")]
    [InlineData("{{.Name | printf \"%-5s|%q\" | upper}}", "/X   |%!Q(MISSING)")]
    [InlineData("{{printf \"%05d %s %v\" .State.Pid .Id .State.Running}}", "00012 abc true")]
    [InlineData("{{join .Config.Env \",\"}} {{lower \"AB\"}} {{title \"ab cd\"}} {{truncate .Id 2}} {{pad .Id 1 1}}|", "A=1,B=2 ab Ab Cd ab  abc |")]
    [InlineData("{{and .State.Running .Name}} {{or \"\" .Id}} {{not .State.Running}}", "/x abc false")]
    [InlineData("a {{- \" b \" -}} c", "a b c")]
    [InlineData("{{/* nothing */}}x", "x")]
    [InlineData("{{.HostConfig.Memory}} {{println .Id}}", "67108864 abc\n")]
    [InlineData("{{ne .Id \"x\"}} {{le 1 1}} {{eq 1 2 1}}", "true true true")]
    public void Executes(string template, string expected) => Assert.Equal(expected, Execute(template));

    [Theory]
    [InlineData("{{.Bogus}}", "template: :1:2: executing \"\" at <.Bogus>: map has no entry for key \"Bogus\"")]
    [InlineData("{{.State.Bogus}}", "template: :1:2: executing \"\" at <.State.Bogus>: map has no entry for key \"Bogus\"")]
    [InlineData("{{.Name.Bogus}}", "template: :1:2: executing \"\" at <.Name.Bogus>: can't evaluate field Bogus in type string")]
    public void Says_what_does_not_fit(string template, string message)
    {
        TemplateException exception = Assert.Throws<TemplateException>(() => Execute(template));
        Assert.False(exception.IsSyntax);
        Assert.Equal(message, exception.Message);
    }

    [Theory]
    [InlineData("{{.Bogus", "template: :1: unclosed action")]
    [InlineData("{{bogus .}}", "template: :1: function \"bogus\" not defined")]
    [InlineData("{{if .}}", "template: :1: unexpected EOF")]
    [InlineData("x{{end}}", "template: :1: unexpected {{end}}")]
    [InlineData("{{}}", "template: :1: missing value for command")]
    public void Says_what_is_malformed(string template, string message)
    {
        TemplateException exception = Assert.Throws<TemplateException>(() => Execute(template));
        Assert.True(exception.IsSyntax);
        Assert.Equal(message, exception.Message);
    }

    [Theory]
    [InlineData("{{{{{{")]
    [InlineData("{{\"}}")]
    [InlineData("{{(}}")]
    [InlineData("{{|}}")]
    [InlineData("{{.a|}}")]
    [InlineData("{{$}}{{$x}}")]
    [InlineData("{{range}}{{end}}")]
    [InlineData("{{printf}}")]
    [InlineData("{{index . 1 2}}")]
    [InlineData("{{'}}")]
    [InlineData("{{''}}")]
    [InlineData("{{-}}")]
    public void Nonsense_is_an_error_of_the_template(string template)
    {
        Exception? exception = Record.Exception(() => Execute(template));
        Assert.True(exception is null or TemplateException, exception?.ToString());
    }

    private static string Execute(string template)
    {
        using JsonDocument document = JsonDocument.Parse(Document);
        var output = new StringBuilder();
        Template.Parse(template).Execute(TemplateValues.FromJson(document.RootElement, "document"), output);
        return output.ToString();
    }
}
