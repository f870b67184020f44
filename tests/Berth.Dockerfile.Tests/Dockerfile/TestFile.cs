using System.Text;
using Berth.Dockerfile.Expansion;
using Berth.Dockerfile.Instructions;

namespace Berth.Dockerfile.Tests.Dockerfile;

internal static class TestFile
{
    public static ParsedDockerfile Read(string text) => InstructionReader.Read(Encoding.UTF8.GetBytes(text));

    /// <summary>The instructions behind the first FROM.</summary>
    public static IReadOnlyList<Instruction> Body(string text) => Read("FROM img\n" + text).Stages[0].Instructions;

    /// <summary>The instruction behind the first FROM.</summary>
    public static T One<T>(string text)
        where T : Instruction => Assert.IsType<T>(Assert.Single(Body(text)));

    /// <summary>Expands all instructions of the last stage, in order, with those of the stages it begins with.</summary>
    public static (IReadOnlyList<Instruction> Instructions, StageScope Scope) Expand(ParsedDockerfile file, params (string Name, string Value)[] arguments)
    {
        var global = new GlobalScope(file, new BuildInputs { Arguments = arguments.ToDictionary(static pair => pair.Name, static pair => pair.Value, StringComparer.Ordinal) });
        var scopes = new List<StageScope>();
        var expanded = new List<Instruction>();
        foreach (Stage stage in file.Stages)
        {
            Stage? parent = file.FindStage(global.ExpandFrom(stage).BaseName, stage.Index);
            scopes.Add(parent is null ? new StageScope(global, new Dictionary<string, string>(StringComparer.Ordinal) { ["FROM_IMAGE"] = "yes" }) : new StageScope(scopes[parent.Index]));
            expanded.Clear();
            foreach (Instruction instruction in stage.Instructions)
            {
                expanded.Add(scopes[^1].Expand(instruction));
                scopes[^1].Apply(expanded[^1]);
            }
        }

        return (expanded, scopes[^1]);
    }
}
