using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using Berth.Model.Oci.Runtime;

namespace Berth.Model.Tests.Oci;

/// <summary>
/// The table "Fields" of docs/runtime.md has a row for every field of config.json that is read, and for no other; each names the tests that show it, or
/// says why there is none. A name without a dot stands beside the first of its row: `process.args`, `env`.
/// </summary>
public sealed partial class FieldTableTests
{
    private static readonly string Root = FindRoot();

    [Fact]
    public void EveryFieldHasARow()
    {
        HashSet<string> rows = [.. Rows().SelectMany(static row => row.Fields)];
        Assert.Equal([], Leaves().Where(field => !rows.Contains(field)));
    }

    [Fact]
    public void EveryRowIsAboutFieldsThatThereAre()
    {
        HashSet<string> fields = [.. Leaves()];
        Assert.Equal([], Rows().SelectMany(static row => row.Fields).Where(field => !fields.Contains(field)));
        List<string> all = [.. Rows().SelectMany(static row => row.Fields)];
        Assert.Equal(all.Distinct(), all);
    }

    [Fact]
    public void EveryRowNamesTestsThatThereAreOrSaysWhyNot()
    {
        HashSet<string> tests = [.. Directory.EnumerateFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories).Select(static path => Path.GetFileNameWithoutExtension(path))];
        foreach ((string first, _, string shown) in Rows())
        {
            Assert.False(string.IsNullOrWhiteSpace(shown), first);
            foreach (Match named in TestName().Matches(shown))
                Assert.True(tests.Contains(named.Value), $"{first}: there is no {named.Value}");
            foreach (Match script in TestScript().Matches(shown))
                Assert.True(File.Exists(Path.Combine(Root, script.Value)), $"{first}: there is no {script.Value}");
        }
    }

    // The type of a member that several fields share (a hook, a range of ids) is described at the first of them.
    private static List<string> Leaves()
    {
        var found = new List<string>();
        var seen = new HashSet<Type>();
        Add("", typeof(RuntimeSpec));
        return found;

        void Add(string prefix, Type type)
        {
            seen.Add(type);
            foreach (JsonPropertyInfo property in RuntimeSpecJsonContext.Default.GetTypeInfo(type)!.Properties) // the context has all of them
            {
                Type member = ElementOf(property.PropertyType);
                if (member.Namespace == typeof(RuntimeSpec).Namespace && !seen.Contains(member))
                    Add(prefix + property.Name + ".", member);
                else
                    found.Add(prefix + property.Name);
            }
        }
    }

    private static Type ElementOf(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type.IsGenericType ? ElementOf(type.GetGenericArguments()[^1]) : type;
    }

    private static IEnumerable<(string First, string[] Fields, string ShownBy)> Rows()
    {
        bool inTable = false;
        foreach (string line in File.ReadLines(Path.Combine(Root, "docs", "runtime.md")))
        {
            if (line.StartsWith("| field |", StringComparison.Ordinal))
                inTable = true;
            else if (!line.StartsWith('|'))
                inTable = false;
            else if (inTable && !line.StartsWith("|---", StringComparison.Ordinal))
            {
                string[] columns = line.Trim('|').Split(" | ");
                Assert.True(columns.Length == 3, $"three columns are wanted: {line}");
                string[] names = [.. Quoted().Matches(columns[0]).Select(static match => match.Groups[1].Value)];
                string beside = names[0][..(names[0].LastIndexOf('.') + 1)];
                yield return (names[0], [names[0], .. names[1..].Select(name => name.Contains('.', StringComparison.Ordinal) ? name : beside + name)], columns[2]);
            }
        }
    }

    private static string FindRoot([CallerFilePath] string here = "")
    {
        string? folder = Path.GetDirectoryName(here);
        while (folder is not null && !File.Exists(Path.Combine(folder, "Berth.slnx")))
            folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"no Berth.slnx above {here}: run the tests from the checkout they were built in");
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();

    [GeneratedRegex(@"\b[A-Z]\w+Tests\b")]
    private static partial Regex TestName();

    [GeneratedRegex(@"eng/vm/tests/[\w-]+\.sh")]
    private static partial Regex TestScript();
}
